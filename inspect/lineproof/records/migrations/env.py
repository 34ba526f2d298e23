"""Run by alembic: upgrade through the connection it was handed."""

from __future__ import annotations

from alembic import context

from lineproof.records.model import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
