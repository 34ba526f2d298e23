"""Adapters of the runtimes that execute a model; `engine.providers.open_session` chooses one."""
