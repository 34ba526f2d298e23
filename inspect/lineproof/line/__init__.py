"""The loop on the line PC."""
