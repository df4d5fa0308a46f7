"""Where evidence and incidents are kept."""
