"""The hash chain, and what a triggered station adds to a row; rows that are there already stay before the chain."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from lineproof.records.entries import genesis

revision = "v0002"
down_revision: str | None = "v0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and tables, and write the chain's first entry."""
    for name in ("session", "seq", "position", "triggered_ns", "exposed_ns", "result_ns"):
        op.add_column("inspection", sa.Column(name, sa.BigInteger))
    for name in ("triggered_at", "exposed_at", "result_at"):
        op.add_column("inspection", sa.Column(name, sa.DateTime(timezone=True)))
    for name in ("outcome", "previous_sha256", "chain_sha256"):
        op.add_column("inspection", sa.Column(name, sa.Text))
    op.add_column("inspection", sa.Column("gates", sa.JSON))
    op.create_index("ix_inspection_position", "inspection", ["position"], unique=True)
    op.create_index("ix_inspection_seq", "inspection", ["session", "seq"])
    entry = op.create_table(
        "chain_entry",
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "subject")),
        sa.Column("facts", sa.JSON, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("previous_sha256", "chain_sha256")),
    )
    op.create_index("ix_chain_entry_subject", "chain_entry", ["kind", "subject"])
    head = op.create_table(
        "chain_head",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("database_id", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("chain_sha256", sa.Text, nullable=False),
    )
    rows, last = op.get_bind().execute(sa.text("SELECT count(*), max(sequence) FROM inspection")).one()
    first = genesis(rows_before=rows, last_sequence=last or 0)
    op.bulk_insert(entry, [first])
    end = {"id": 1, "database_id": first["subject"], "position": 0, "chain_sha256": first["chain_sha256"]}
    op.bulk_insert(head, [end])
