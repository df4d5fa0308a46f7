"""The models: one protocol, one file each."""
