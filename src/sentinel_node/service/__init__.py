"""The on-demand service `gcm_sentinel.node.v1`: who may ask, what is asked in which order, and in which words."""
