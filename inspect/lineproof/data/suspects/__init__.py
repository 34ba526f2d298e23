"""Annotations that are probably wrong, most suspicious first, with the reason in words."""
