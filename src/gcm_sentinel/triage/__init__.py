"""Triggers to incidents: who is admitted, when, and in which order."""
