"""Dataset files to Samples."""
