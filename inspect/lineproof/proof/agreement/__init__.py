"""People and the machine beside a reference."""
