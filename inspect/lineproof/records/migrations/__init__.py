"""Alembic's scripts, shipped inside the package; run by `database.ensure_schema`."""
