"""SENTINEL in a simulated world: its probe agents and monitors, played against a real gateway in a process of its own.

`facts` is what a scenario may say, `sweeps` what agents then measure, `moments` everything in order of time, `sending`
sends it with the ordinary client library, `damage` is what an intruder or a crash does to the gateway's database,
`serving` puts it together. Nothing here is imported before a world has a `sentinel` part: gRPC costs half a second.
"""
