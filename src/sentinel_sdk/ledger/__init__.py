"""The formats of the audit ledger: enough to verify a ledger, an export or a proof with the client library alone.

Pure: no network, no files, no clock. `docs/sentinel-ledger.md` describes every byte for other implementations.
"""
