"""How accurate the pipeline is beside its peers: the parts that both learn from, one fit at a time, and the tables."""
