"""Values, protocols, errors and pure decisions; the standard library only."""
