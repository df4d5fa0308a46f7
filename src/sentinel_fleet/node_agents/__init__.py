"""The agents on a world's GPU nodes, over the wire of `gcm_sentinel.node.v1`: what they say follows from the world.

Telemetry is what the exporters show, the kernel's log is the world's, whoever holds a GPU is a pod that runs there, and
a probe finds what the scenario says the silicon does. Only `serving` needs gRPC.
"""
