"""The first rung of adaptation: frozen features and a simple classifier on them, fitted in seconds."""
