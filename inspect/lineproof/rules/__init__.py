"""Detections to a verdict: pure functions."""
