"""Verdict to the outside world."""
