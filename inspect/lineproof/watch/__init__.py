"""Is the camera still as it was commissioned: light, focus, place and scale."""
