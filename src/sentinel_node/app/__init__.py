"""Reads settings, builds the objects, wires them; the command line. Nobody imports it."""
