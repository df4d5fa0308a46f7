"""One adapter per outside system: the only importers of their vendor libraries."""
