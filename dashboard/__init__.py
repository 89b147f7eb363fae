"""The dashboard: what the pipeline wrote, for the trader and the engineer; it computes nothing but a price."""
