"""The acceptance report: one page that loads nothing, and its PDF."""
