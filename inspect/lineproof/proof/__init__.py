"""Escape, overkill and their bounds."""
