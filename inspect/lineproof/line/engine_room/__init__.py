"""Inference in a process of its own, shared by stations: it may hang, crash or be killed, and the line goes on deciding."""
