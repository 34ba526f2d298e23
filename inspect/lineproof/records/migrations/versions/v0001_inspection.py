"""The first table: one row per inspection."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0001"
down_revision: str | None = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and its indexes."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "inspection",
        sa.Column("sequence", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("inspection_id", "part_id", "view", "source_id")),
        sa.Column("decision", sa.Text, nullable=False),
        sa.Column("reasons", sa.JSON, nullable=False),
        sa.Column("detections", sa.JSON, nullable=False),
        sa.Column("grabbed_at", moment, nullable=False),
        sa.Column("grabbed_ns", sa.BigInteger, nullable=False),
        sa.Column("boot_id", sa.Text, nullable=False),
        *(
            sa.Column(f"{stage}_ms", sa.Double, nullable=False)
            for stage in ("decode", "wait", "preprocess", "infer", "postprocess", "judge", "total")
        ),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("bundle_name", "bundle_digest", "line_digest", "provider")
        ),
        *(
            sa.Column(name, sa.Integer, nullable=False)
            for name in ("model_width", "model_height", "image_width", "image_height")
        ),
        sa.Column("image_sha256", sa.Text),
        sa.Column("image_bytes", sa.BigInteger),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("origin", "note", "row_sha256")),
        sa.Column("image_path", sa.Text),
        sa.Column("image_removed_at", moment),
        sa.UniqueConstraint("inspection_id"),
    )
    op.create_index("ix_inspection_part", "inspection", ["part_id", "view"])
    op.create_index("ix_inspection_grabbed_at", "inspection", ["grabbed_at"])
    op.create_index("ix_inspection_image_path", "inspection", ["image_path"])
    kept = sa.text("image_path IS NOT NULL")
    op.create_index(
        "ix_inspection_kept_image",
        "inspection",
        ["decision", "sequence"],
        sqlite_where=kept,
        postgresql_where=kept,
    )
