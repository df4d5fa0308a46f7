"""Simulations of the gateway's reliability model: what it finds, how soon, and what it leaves alone.

The decisions are the gateway's own pure functions (`sentinel_gateway.domain.bursts`, `sentinel_gateway.model`); only
probes, faults and the clock are simulated. `python -m gcm_sentinel.evals.bench sentinel-model` runs all of it.
"""
