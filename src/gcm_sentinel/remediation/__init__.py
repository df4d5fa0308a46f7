"""From a proposed action to a verified outcome. The tools are in tools/, the decision is in domain/gate.py."""
