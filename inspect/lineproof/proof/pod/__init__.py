"""Probability of detection over defect size."""
