"""Triggers of stations whose controller does not count parts; each is a `ports.Controller`."""
