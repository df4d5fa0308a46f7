"""The gRPC face: one servicer per service; parses, asks the core, answers."""
