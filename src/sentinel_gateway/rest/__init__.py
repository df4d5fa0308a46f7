"""The HTTP face: the read API of the reference's documents, and metrics."""
