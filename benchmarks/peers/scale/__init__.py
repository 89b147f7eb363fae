"""Programs beside which `benchmarks.scale` measures."""
