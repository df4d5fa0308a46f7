"""Values and pure decisions of the gateway; standard library only, no I/O, no clock."""
