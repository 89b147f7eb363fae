"""The stages: pure functions from frames and plain values to frames and plain values; no Luigi, files or clock."""
