"""FastAPI door to the same Inspector."""
