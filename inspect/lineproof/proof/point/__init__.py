"""The operating point: thresholds, what chose them, and what guarantees them."""
