"""A GPU in NumPy, with faults where a test wants them: the same host code runs on it as on a real one."""
