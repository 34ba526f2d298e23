"""A controller, a conveyor and cameras to try a station without hardware, in simulated time."""
