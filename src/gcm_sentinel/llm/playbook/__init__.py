"""The playbook engine: a deterministic diagnostician over the same tools as an LLM."""
