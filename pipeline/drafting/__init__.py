"""Drafts of market files: what a stranger's adverts say, told from their headers and the look of their values."""
