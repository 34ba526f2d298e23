"""The adaptation ladder: several ways to adapt several bases, trained on the same parts and ranked."""
