"""The top floor: settings, wiring, the life of an incident and the command line. Nobody imports it."""
