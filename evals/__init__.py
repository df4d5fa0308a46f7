"""Scenarios (data) and the pure scoring of an assessment against what a scenario expects."""
