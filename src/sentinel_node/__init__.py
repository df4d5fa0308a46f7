"""What runs on a GPU node: the driver's telemetry, the kernel's log, and probes that test the silicon itself.

It imports on a machine without GPU, driver or CUDA, and then says what is missing instead of failing.
"""
