"""Values, protocols, errors and pure decisions. Standard library only, no I/O; every other room may import it."""
