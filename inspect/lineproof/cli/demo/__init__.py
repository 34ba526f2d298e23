"""`lineproof demo`: the whole story on the built-in generator, told by the same verbs a user types."""

from lineproof.cli.demo.verb import demo

__all__ = ["demo"]
