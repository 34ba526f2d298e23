"""A station as an OPC UA server, in the words of OPC 40100-1 (machine vision)."""
