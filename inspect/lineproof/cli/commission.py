"""`lineproof commission`: what a good frame of this line looks like, learnt from its own camera."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineproof.cli.output import JsonFlag, emit, say, tracked

if TYPE_CHECKING:
    from lineproof.cli.commission_grab import Grabbed
    from lineproof.cli.commission_target import Target
    from lineproof.cli.commission_wish import Wish
    from lineproof.cli.commission_words import Findings
    from lineproof.linefile import LineFile


def commission(
    line: Annotated[Path, typer.Argument(help="the line file", metavar="LINE.yaml")],
    frames: Annotated[int, typer.Option(min=20, max=1000, help="good frames to learn from")] = 50,
    every: Annotated[
        float, typer.Option(min=0, max=60, help="seconds between two frames of a camera: several parts must be seen")
    ] = 0.5,
    checkerboard: Annotated[
        str | None, typer.Option(help="inner corners of a board under the camera, e.g. 9x6: learn the scale alone")
    ] = None,
    square_mm: Annotated[float | None, typer.Option(min=0.01, help="side of the board's squares, mm")] = None,
    ruler: Annotated[
        str | None, typer.Option(help="X1,Y1,X2,Y2,MM: two points in camera pixels and the length between them")
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="look only here: X,Y,WIDTH,HEIGHT in camera pixels, or auto: where the part is")
    ] = None,
    position: Annotated[
        bool,
        typer.Option("--position/--no-position", help="learn where the camera looks; not where parts come anywhere"),
    ] = True,
    station: Annotated[str | None, typer.Option(help="which station; needed where the line has several")] = None,
    view: Annotated[str | None, typer.Option(help="which camera of the station; needed where it has several")] = None,
    out: Annotated[Path | None, typer.Option(help="line file to write, in the same folder; default: LINE.yaml")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Learn light, focus and place of good frames, and the size of a pixel, and write them into the line file.

    Let good parts pass, under the light they will have. What is learnt is tried at once on the faults of a camera, made
    from the same frames: black, white, half lit, out of focus. Comments and order of the line file stay. A contact sheet
    beside it shows which frames were learnt.

    Examples: `lineproof commission line.yaml --ruler 100,240,1180,240,90`,
    `lineproof commission station.yaml --station press --view top`
    """
    from lineproof.cli.commission_grab import grab, grab_board
    from lineproof.cli.commission_target import target_of
    from lineproof.cli.commission_wish import read_wish
    from lineproof.cli.commission_words import Findings, in_words
    from lineproof.linefile import load_line

    wish = read_wish(line, out, checkerboard, square_mm, ruler, region)
    settings = load_line(line)
    target = target_of(line, settings, station, view)
    if wish.board is not None or wish.scale is not None or wish.region is not None:
        target.require_alone("--ruler" if wish.scale else "--region" if wish.region else "--checkerboard")
    if wish.board is not None:
        found = Findings(scale=grab_board(target.source, wish.board, frames, every, tracked))
    else:
        found = _learn(grab(target.source, frames, every, tracked), wish, position=position)
    facts = _write(line, wish, settings, target, found)
    emit(facts, in_words(facts), as_json=as_json)


def _learn(seen: Grabbed, wish: Wish, *, position: bool) -> Findings:
    from lineproof.cli.commission_words import Findings
    from lineproof.watch.learn import learn
    from lineproof.watch.region import box_in, find_region

    learnt = learn(seen.glimpses, position=position)
    good = [seen.glimpses[row] for row in range(len(seen.glimpses)) if row not in learnt.rejected]
    match wish.region:
        case None:
            box = None
        case "auto":
            box = find_region(good)
        case given:
            box = box_in(given, good[0].wh)
    return Findings(seen, learnt, wish.scale, box)


def _write(line: Path, wish: Wish, settings: LineFile, target: Target, found: Findings) -> dict[str, object]:
    """Show what will be written, then write it; the line file last, so that it never names what is not there."""
    from lineproof.atomic import write_text
    from lineproof.cli.commission_file import learnt_before, read_text, with_values
    from lineproof.cli.commission_words import about, as_dict, section

    text = read_text(line)
    values: dict[str, object] = {}
    stem = wish.out.stem + target.suffix
    if found.learnt is not None:
        values |= target.placed(section(found.learnt, target.section_in(learnt_before(text)), stem))
    if found.box is not None:
        values["regions"] = [found.box._asdict()]
    changed = with_values(text, values, None if found.scale is None else found.scale.mm_per_px, about(found))
    before = text.splitlines()
    for row in changed.splitlines():
        if row not in before:
            say(f"+ {row}")
    camera = target.of_line(settings.name)
    files = {name: str(path) for name, path in _pictures(wish.out.with_stem(stem), camera, found).items()}
    write_text(wish.out, changed)
    return as_dict(settings, camera, found, target.section_in(values), {"line": str(wish.out), **files})


def _pictures(beside: Path, camera: str, found: Findings) -> dict[str, Path]:
    """The template and the contact sheet, beside the line file and named after it."""
    from lineproof.cli.commission_sheet import draw_commissioned
    from lineproof.cli.commission_words import template_name
    from lineproof.data.sheet import write_sheet

    if found.learnt is None or found.seen is None:
        return {}
    files = {"sheet": beside.with_name(f"{beside.stem}.commission.png")}
    if found.learnt.template is not None:
        files["template"] = beside.with_name(template_name(found.learnt, beside.stem))
        found.learnt.template.write(files["template"])
    rejected = found.learnt.rejected
    title = f"{camera}: {len(found.seen.shown) - len(rejected)} of {len(found.seen.shown)} frames learnt"
    write_sheet(files["sheet"], draw_commissioned(found.seen.shown, rejected, title))
    return files
