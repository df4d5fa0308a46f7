"""Read-only data sources, one per file; each is registered by an entry point in `gcm_sentinel.datasources`."""
