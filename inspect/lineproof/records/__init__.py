"""One row per part, always; images by policy; never in the way of a verdict."""
