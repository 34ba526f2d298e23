"""Inspection to disk."""
