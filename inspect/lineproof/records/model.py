"""The tables: one row per inspection, and what else the chain holds; readable by any SQL tool."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Double, Index, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite keeps no zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; without its zone where the database has none."""
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Always aware, always UTC."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Registry of the tables below."""

    type_annotation_map: ClassVar[dict[type, Any]] = {float: Double()}


class InspectionRow(Base):
    """One inspection of one view of one part."""

    __tablename__ = "inspection"

    sequence: Mapped[int] = mapped_column(primary_key=True)  # order of writing
    inspection_id: Mapped[str] = mapped_column(Text, unique=True)
    part_id: Mapped[str] = mapped_column(Text)
    view: Mapped[str] = mapped_column(Text)
    source_id: Mapped[str] = mapped_column(Text)
    decision: Mapped[str] = mapped_column(Text)
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSON)  # rule, text, detection
    detections: Mapped[list[dict[str, Any]]] = mapped_column(
        JSON
    )  # class, score, box [x1, y1, x2, y2], area_px, polygon?

    grabbed_at: Mapped[datetime] = mapped_column(UtcTime)
    grabbed_ns: Mapped[int] = mapped_column(BigInteger)  # monotonic: comparable within one boot_id only
    boot_id: Mapped[str] = mapped_column(Text)

    decode_ms: Mapped[float]
    wait_ms: Mapped[float]
    preprocess_ms: Mapped[float]
    infer_ms: Mapped[float]
    postprocess_ms: Mapped[float]
    judge_ms: Mapped[float]
    total_ms: Mapped[float]

    bundle_name: Mapped[str] = mapped_column(Text)
    bundle_digest: Mapped[str] = mapped_column(Text)
    line_digest: Mapped[str] = mapped_column(Text)
    provider: Mapped[str] = mapped_column(Text)
    model_width: Mapped[int]
    model_height: Mapped[int]

    image_width: Mapped[int]
    image_height: Mapped[int]
    image_sha256: Mapped[str | None] = mapped_column(Text)  # stays when retention removes the image
    image_bytes: Mapped[int | None] = mapped_column(BigInteger)
    origin: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)  # e.g. why an image that should be there is not

    # Of a triggered station; None elsewhere. `_ns` is monotonic, as `grabbed_ns`.
    session: Mapped[int | None] = mapped_column(BigInteger)
    seq: Mapped[int | None] = mapped_column(BigInteger)
    outcome: Mapped[str | None] = mapped_column(Text)  # core.station.Outcome
    triggered_at: Mapped[datetime | None] = mapped_column(UtcTime)
    triggered_ns: Mapped[int | None] = mapped_column(BigInteger)
    exposed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    exposed_ns: Mapped[int | None] = mapped_column(BigInteger)
    result_at: Mapped[datetime | None] = mapped_column(UtcTime)
    result_ns: Mapped[int | None] = mapped_column(BigInteger)
    gates: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    row_sha256: Mapped[str] = mapped_column(Text)  # over every column above but `sequence`

    position: Mapped[int | None] = mapped_column(BigInteger)  # in the chain; None: written before there was one
    previous_sha256: Mapped[str | None] = mapped_column(Text)
    chain_sha256: Mapped[str | None] = mapped_column(Text)

    image_path: Mapped[str | None] = mapped_column(Text)  # below the records folder; None once removed
    image_removed_at: Mapped[datetime | None] = mapped_column(UtcTime)

    __table_args__ = (
        Index("ix_inspection_part", "part_id", "view"),
        Index("ix_inspection_grabbed_at", "grabbed_at"),
        Index("ix_inspection_image_path", "image_path"),
        Index("ix_inspection_position", "position", unique=True),
        Index("ix_inspection_seq", "session", "seq"),
        # What retention asks for: the oldest image of one decision.
        Index(
            "ix_inspection_kept_image",
            "decision",
            "sequence",
            sqlite_where=text("image_path IS NOT NULL"),
            postgresql_where=text("image_path IS NOT NULL"),
        ),
    )


class EntryRow(Base):
    """What the chain holds beside inspections: its beginning, acknowledgements, and checkpoints of removed rows."""

    __tablename__ = "chain_entry"

    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(Text)  # records.entries.Kind
    subject: Mapped[str] = mapped_column(Text)  # what it is about, e.g. "session:seq"
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous_sha256: Mapped[str] = mapped_column(Text)
    chain_sha256: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("ix_chain_entry_subject", "kind", "subject"),)


class HeadRow(Base):
    """One row: the end of the chain, which a writer moves in the transaction that appends to it."""

    __tablename__ = "chain_head"

    id: Mapped[int] = mapped_column(primary_key=True)  # always 1
    database_id: Mapped[str] = mapped_column(Text)
    position: Mapped[int] = mapped_column(BigInteger)
    chain_sha256: Mapped[str] = mapped_column(Text)


# Changed after writing by retention, or given on writing: not part of the row's checksum.
UNHASHED = frozenset(
    {"sequence", "row_sha256", "position", "previous_sha256", "chain_sha256", "image_path", "image_removed_at"}
)
HASHED = tuple(column.key for column in InspectionRow.__table__.columns if column.key not in UNHASHED)
# Columns of schema v0002: a row of before the chain has no checksum over them.
STATION = frozenset(
    {
        *("session", "seq", "outcome", "gates"),
        *(f"{moment}_{clock}" for moment in ("triggered", "exposed", "result") for clock in ("at", "ns")),
    }
)
HASHED_BEFORE_CHAIN = tuple(name for name in HASHED if name not in STATION)
