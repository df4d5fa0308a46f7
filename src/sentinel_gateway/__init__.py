"""A server for the whole of `sentinel.v1`: what SENTINEL's correlation engine and audit ledger were to be.

Rooms, each knowing only those below it: `app` (settings, wiring, command line), `services` and `rest` (the wire),
`core` (what happens, one decision after the other), `ledger` and `storage` (what is kept), `domain` (values and pure
decisions). Of the rest of the distribution it knows only `sentinel` (the generated messages) and `sentinel_sdk.ledger`
and `sentinel_sdk.signing` (formats that whoever checks them must share).
"""
