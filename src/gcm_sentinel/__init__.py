"""gcm-sentinel: the on-call investigator of a GPU fleet."""

__version__ = "0.1.0"
