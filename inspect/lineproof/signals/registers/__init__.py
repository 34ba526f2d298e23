"""Register map 1.0: a station in 44 words, a controller's wishes in 32; pure functions, no network."""
