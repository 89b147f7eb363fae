"""The outside world: deliveries, frames and models on disk."""
