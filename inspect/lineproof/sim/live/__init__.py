"""A controller and a conveyor against a real line in real time: its own process, its own wire, its own records."""
