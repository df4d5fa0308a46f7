"""Where an assessment is published; one sink per file."""
