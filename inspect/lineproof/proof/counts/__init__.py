"""What counts of parts prove, and how many it takes."""
