"""Measurements: one command each, which prints a table with the machine and the versions it was measured with."""
