"""Settings, wiring and the command line; nobody imports it."""
