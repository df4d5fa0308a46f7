"""Observed state of the cluster, turned into triggers."""
