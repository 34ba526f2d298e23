"""Honest speed: every contender in a process of its own, in interleaved rounds, as ratios to the bare session."""
