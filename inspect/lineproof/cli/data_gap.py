"""`lineproof data gap`: how far one set of images is from another, in what, and whether that can be chance."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineproof.cli.output import JsonFlag, emit, require_extra, say, tracked

if TYPE_CHECKING:
    from lineproof.adapt.gap import Compared
    from lineproof.core import Image

SHOWN_OUTSIDE = 24
_MODULES = ("torch", "ultralytics", "timm", "matplotlib")


def gap(
    a: Annotated[
        Path, typer.Argument(metavar="A", help="a dataset, or a folder of images: what is known", show_default=False)
    ],
    b: Annotated[Path, typer.Argument(metavar="B", help="the same: what is compared with it", show_default=False)],
    split_a: Annotated[str, typer.Option(help="only this split of A: train, val, test")] = "all",
    split_b: Annotated[str, typer.Option(help="only this split of B")] = "all",
    base: Annotated[
        str,
        typer.Option(help="network whose features are compared: auto, yolov8n, lineproof-n, dinov2_small, … or a file"),
    ] = "auto",
    permutations: Annotated[int, typer.Option(min=200, max=100_000, help="more of them, finer p")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="of the permutations and folds")] = 0,
    most: Annotated[int, typer.Option(min=8, help="images looked at in each set; whole groups are drawn")] = 2000,
    twins: Annotated[
        bool, typer.Option("--twins/--no-twins", help="count images that show the same place as one group")
    ] = True,
    fail_above: Annotated[
        float | None, typer.Option(min=0.5, max=1.0, help="exit 1 when AUC is above this and p is 0.05 or less")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="folder for the pictures, the figures and the images outside")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare two sets of images: train against test, plant A against plant B, last month against today.

    Says in words what differs and which images of B lie outside all that A shows. A and B may be the same dataset with
    two splits.

    Example: `lineproof data gap parts parts --split-a train --split-b test --out gap`
    """
    require_extra("train", *_MODULES)
    from lineproof.adapt.features import open_backbone
    from lineproof.adapt.gap import GapOptions, compare_sets
    from lineproof.data.gap.words import SIGNIFICANT, gap_dict, gap_text
    from lineproof.data.image_set import open_image_set

    _require_folder_free(out)
    sets = open_image_set(a, split_a), open_image_set(b, split_b)
    options = GapOptions(permutations, seed, most, twins)
    compared = compare_sets(*sets, open_backbone(base, say=say), options, tracked)
    found, left_out = compared.gap, [*compared.a.unreadable, *compared.b.unreadable]
    failed = fail_above is not None and found.auc > fail_above and found.test.p <= SIGNIFICANT
    result = gap_dict(found) | {"base": base, "unreadable": left_out, "images_outside": _outside(compared)}
    text = gap_text(found)
    if fail_above is not None:
        result["gate"] = {"fail_above": fail_above, "passed": not failed}
        text += f"\n\ngate: AUC {found.auc:.2f}, {'above' if failed else 'not clearly above'} {fail_above:g}"
    if out is not None:
        files = _write(out, compared, result)
        result, text = result | {"files": files}, "\n".join([text, "", *(f"{k}: {v}" for k, v in files.items())])
    emit(result, text, as_json=as_json)
    for note in left_out:
        say(f"lineproof: left out: {note}")
    if failed:
        raise typer.Exit(1)


def _require_folder_free(out: Path | None) -> None:
    from lineproof.errors import InputError

    if out is not None and out.exists() and not out.is_dir():
        raise InputError(f"--out {out}: a file, not a folder", hint="choose another name")


def _outside(compared: Compared) -> list[dict[str, object]]:
    """The images of B outside A, the furthest first, each with what A has nearest to it."""
    outside = compared.gap.outside
    return [
        {
            "image": str(compared.b.paths[row]),
            "times_limit": round(float(outside.ratio[row]), 3),
            "nearest_in_a": str(compared.a.paths[outside.nearest[row]]),
        }
        for row in outside.rows.tolist()
    ]


def _write(out: Path, compared: Compared, result: dict[str, object]) -> dict[str, str]:
    """Everything into the folder; returns what lies where."""
    from lineproof.adapt.gap_plot import draw_plane
    from lineproof.atomic import write_json, write_text
    from lineproof.data.gap.words import verdict
    from lineproof.data.sheet import write_sheet

    files = {"figures": out / "gap.json", "plot": out / "plane.png", "outside": out / "outside.csv"}
    write_json(files["figures"], result)
    draw_plane(files["plot"], compared.gap, verdict(compared.gap))
    table = io.StringIO()
    writer = csv.DictWriter(table, ("image", "times_limit", "nearest_in_a"), lineterminator="\n")
    writer.writeheader()
    writer.writerows(_outside(compared))
    write_text(files["outside"], table.getvalue())
    sheet = out / "outside.png"
    sheet.unlink(missing_ok=True)  # of an earlier call with another answer
    if len(compared.gap.outside.rows):
        files["sheet"] = sheet
        write_sheet(sheet, _sheet(compared))
    return {name: str(path) for name, path in files.items()}


def _sheet(compared: Compared) -> Image:
    """Each image outside, and beside it what A has nearest."""
    from lineproof.data.picture_sheet import Picture, draw_pictures

    outside, cells = compared.gap.outside, []
    rows = outside.rows.tolist()[:SHOWN_OUTSIDE]
    for row in rows:
        near = int(outside.nearest[row])
        words = "outside A", f"{outside.ratio[row]:.2f} x the limit"
        cells.append(Picture(compared.b.paths[row], words, compared.b.title(row), ink=(60, 140, 250)))
        cells.append(Picture(compared.a.paths[near], ("nearest in A", ""), compared.a.title(near), ink=(230, 180, 110)))
    title = f"{compared.b.name}: {len(rows)} of {len(outside.rows)} images outside {compared.a.name}"
    return draw_pictures(cells, title, columns=min(6, max(4, len(cells))))
