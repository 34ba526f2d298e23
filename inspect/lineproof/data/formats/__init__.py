"""One module per annotation format: each turns files into Samples, and says by name what it cannot use."""
