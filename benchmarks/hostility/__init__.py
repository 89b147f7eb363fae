"""What is thrown at every reader of outside bytes, and what must not come of it."""
