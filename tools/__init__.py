"""Remediation actions, one per file; the model sees none unless the mode allows it. None yet."""
