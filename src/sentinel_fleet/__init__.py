"""A simulated GPU fleet that speaks the real protocols; knows nothing of the agent."""
