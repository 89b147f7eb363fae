"""The peers of docs/accuracy.md: their environment, and one fit of one of them."""
