"""A world put into real servers: its objects into etcd, its samples into Prometheus, its alerts into Alertmanager.

What has no real server without a GPU node, exporters and what the kubelet reads, stays served by the simulated fleet.
"""
