"""Probes: CUDA kernels with right answers, a NumPy twin of each, and the code that turns both into findings."""
