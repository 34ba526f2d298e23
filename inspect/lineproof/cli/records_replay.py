"""`lineproof records replay`: the stored image through the stored bundle and line file again, as it was recorded or not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineproof.cli.output import JsonFlag, emit, tracked
from lineproof.cli.start import loading

if TYPE_CHECKING:
    from lineproof.bundle.open import Bundle
    from lineproof.core import Frame
    from lineproof.inspector import Inspector
    from lineproof.linefile import LineFile
    from lineproof.records.model import InspectionRow
    from lineproof.records.read import Records
    from lineproof.records.replay import Comparison


def replay(
    folder: Annotated[Path, typer.Argument(help="the folder named by `records.folder` of the line file")],
    ids: Annotated[list[str], typer.Argument(help="numbers of `records list`, or ids", metavar="ID...")],
    bundle: Annotated[Path | None, typer.Option(help="the bundle that decided; default: that of --line")] = None,
    line: Annotated[Path | None, typer.Option(help="the line file that was in force, unless there was none")] = None,
    provider: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda or tensorrt; default: as the line has it")
    ] = None,
    url: Annotated[str | None, typer.Option(help="the database's URL, where it is not SQLite in the folder")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Inspect stored images again and compare with their records, field by field; exit 1 when one is different.

    Refuses where the image was not kept, was changed, or bundle or line file are not those of the record.

    Example: `lineproof records replay records 4711 --line line.yaml`
    """
    with loading():
        from lineproof.records.read import open_records

        records = open_records(folder, url)
        rows = [records.find(name) for name in ids]
        frames = [_frame(records, row) for row in rows]
        settings = _line_of(rows, line)
        inspector, opened = _inspector(rows, settings, bundle, line, provider)
    compared = [
        _compared(row, frame, inspector, opened)
        for row, frame in tracked(list(zip(rows, frames, strict=True)), "replaying")
    ]
    facts: dict[str, object] = {
        "same": all(found.same for found in compared),
        "replays": [_facts(row, found) for row, found in zip(rows, compared, strict=True)],
    }
    told = [text for row, found in zip(rows, compared, strict=True) for text in _lines(row, found)]
    emit(facts, "\n".join(told), as_json=as_json)
    if not facts["same"]:
        raise typer.Exit(1)


def _frame(records: Records, row: InspectionRow) -> Frame:
    """The stored image as it came from the camera, its hash checked first.

    Raises:
        RecordError: no image was kept, it is another one by now, or no image decided.
    """
    import hashlib

    from lineproof.core import Frame
    from lineproof.core.decode import read_image
    from lineproof.errors import RecordError

    name = f"record {row.sequence} (part {row.part_id})"
    if row.image_path is None:
        why = "retention removed it" if row.image_removed_at else row.note or "not every PASS image is (records.images)"
        raise RecordError(
            f"{name}: its image was not kept: {why}", hint="replay a record that `records list` shows one for"
        )
    if row.decision == "FAULT" and row.infer_ms == 0:
        raise RecordError(f"{name}: a FAULT that no inference led to ({row.reasons[0]['rule']}): nothing to replay")
    path = records.folder / row.image_path
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror})", hint="restore it from a backup") from None
    if hashlib.sha256(data).hexdigest() != row.image_sha256:
        raise RecordError(f"{path}: was changed after writing", hint="restore it from a backup")
    pixels = read_image(path)
    return Frame(
        pixels,
        row.part_id,
        row.source_id,
        view=row.view,
        origin=row.origin,
        grabbed_at=row.grabbed_at,
        reduction=max(1, round(row.image_width / pixels.shape[1])),
    )


def _line_of(rows: list[InspectionRow], path: Path | None) -> LineFile | None:
    """The line file, which must be the very one of every record.

    Raises:
        RecordError: it is another one, or one is needed, or there was none.
    """
    from lineproof.errors import RecordError
    from lineproof.linefile import line_digest, load_line

    digest = "" if path is None else line_digest(path)
    for row in rows:
        if row.line_digest == digest:
            continue
        name = f"record {row.sequence}"
        if path is None:
            raise RecordError(
                f"{name}: was decided under a line file with digest {row.line_digest[:12]}", hint="give it with --line"
            )
        if not row.line_digest:
            raise RecordError(f"{name}: was decided without a line file", hint="leave out --line and give --bundle")
        raise RecordError(
            f"{path}: digest {digest[:12]}, but record {row.sequence} was decided under {row.line_digest[:12]}",
            hint="give the line file as it was then",
        )
    return None if path is None else load_line(path)


def _inspector(
    rows: list[InspectionRow], line: LineFile | None, bundle: Path | None, line_path: Path | None, provider: str | None
) -> tuple[Inspector, Bundle]:
    """The engine of the records' bundle under their rules; raises RecordError for another bundle."""
    from lineproof.bundle.open import open_bundle
    from lineproof.cli.assemble import open_inspector
    from lineproof.errors import RecordError
    from lineproof.rules.tolerance import Rules

    path = bundle if bundle is not None or line is None else line.bundle
    if path is None:
        raise RecordError(
            f"record {rows[0].sequence}: was decided by the bundle {rows[0].bundle_name} with digest"
            f" {rows[0].bundle_digest[:12]}",
            hint="give it with --bundle",
        )
    digest = open_bundle(path).digest
    for row in rows:
        if row.bundle_digest != digest:
            raise RecordError(
                f"{path}: digest {digest[:12]}, but record {row.sequence} was decided by {row.bundle_digest[:12]}",
                hint="give the bundle as it was then with --bundle",
            )
    return open_inspector(
        path,
        Rules() if line is None else line.rules,
        provider or ("auto" if line is None else line.provider),
        rows[0].line_digest if line_path is not None else "",
        regions=() if line is None else line.regions,
    )


def _compared(row: InspectionRow, frame: Frame, inspector: Inspector, bundle: Bundle) -> Comparison:
    from lineproof.records.replay import Tolerance, compare
    from lineproof.records.rows import row_of

    allowed = Tolerance(bundle.tolerance.score, bundle.tolerance.box_iou, bundle.manifest.score_floor)
    recorded = {column.key: getattr(row, column.key) for column in row.__table__.columns}
    return compare(recorded, row_of(inspector.inspect(frame), "", None, ""), allowed)


def _facts(row: InspectionRow, found: Comparison) -> dict[str, object]:
    return {
        "sequence": row.sequence,
        "inspection_id": row.inspection_id,
        "part_id": row.part_id,
        "same": found.same,
        "identical": found.identical,
        "max_score_difference": found.max_score_difference,
        "min_box_iou": found.min_box_iou,
        "lossy_image": _lossy(row),
        "fields": {f.name: {"recorded": f.recorded, "again": f.again, "same": f.same} for f in found.fields},
    }


def _lossy(row: InspectionRow) -> bool:
    """The image was kept as JPEG: its pixels are not quite those that were inspected."""
    return bool(row.image_path) and str(row.image_path).endswith(".jpg")


def _lines(row: InspectionRow, found: Comparison) -> list[str]:
    word = "identical" if found.identical else "same" if found.same else "DIFFERENT"
    note = ", from a JPEG, whose pixels differ a little from those inspected" if _lossy(row) else ""
    lines = [f"record {row.sequence} (part {row.part_id}, {row.decision}): {word}{note}"]
    for field in found.fields:
        if field.same and found.same:
            continue
        told = field.again if not field.recorded else f"{field.recorded} → {field.again}"
        lines.append(f"  {'same     ' if field.same else 'DIFFERENT'}  {field.name}: {told}")
    return lines
