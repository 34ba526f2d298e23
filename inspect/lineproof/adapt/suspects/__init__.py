"""Out-of-fold opinions on annotations: of a classifier on frozen features, and of detectors trained for it."""
