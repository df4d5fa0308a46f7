"""Real GPUs: CuPy behind the probes' device, and the process in which a GPU is probed."""
