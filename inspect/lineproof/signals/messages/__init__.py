"""What goes over MQTT and HTTP: JSON messages, each with its schema as a file beside it."""
