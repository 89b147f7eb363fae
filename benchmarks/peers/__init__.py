"""The same job as a plain script and under other tools."""
