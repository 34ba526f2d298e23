"""The only folder that knows asyncua: nodes, values, events, methods and users of an OPC UA server."""
