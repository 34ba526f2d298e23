"""The decision core: one explicit state machine for each station, without clock, wire or thread of its own."""
