"""The sealed artefact between training and line."""
