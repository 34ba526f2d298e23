"""`lineproof inspect`: one-off decisions about images on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineproof.cli.output import JsonFlag, emit, say, tracked
from lineproof.cli.start import loading

if TYPE_CHECKING:
    from lineproof.core import Image, Inspection
    from lineproof.engine.heat import HeatEngine
    from lineproof.inspector import Inspector


def inspect(
    bundle: Annotated[Path, typer.Argument(help="bundle folder or packed .lpb file", show_default=False)],
    images: Annotated[list[Path], typer.Argument(help="image files, or folders of them", show_default=False)],
    line: Annotated[Path | None, typer.Option(help="a line file whose rules decide; default: the bundle's own")] = None,
    provider: Annotated[str, typer.Option(help="auto, cpu, cuda or tensorrt")] = "auto",
    out: Annotated[Path | None, typer.Option(help="folder for annotated copies of the images")] = None,
    heat: Annotated[
        Path | None, typer.Option(help="folder for copies that show where a classifier saw its surest class")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Decide about images, each as one part: PASS, FAIL or REVIEW, with the reasons.

    An image that cannot be read is named, the others are decided all the same, and the exit code is 2.

    Example: `lineproof inspect runs/tiles/bundle photos/ --out decisions`
    """
    from lineproof.errors import ImageError

    _check_folder("--out", out)
    _check_folder("--heat", heat)
    with loading():
        files = list(dict.fromkeys(_files(images)))
        inspector = _inspector(bundle, line, provider, heat=heat is not None)
    decided: list[dict[str, object]] = []
    unread: list[dict[str, object]] = []
    copies = dict(zip(files, _copy_names(files), strict=True))
    for file in tracked(files, "inspecting"):
        try:
            image, inspection = _look(inspector, file)
        except ImageError as error:
            unread.append({"image": str(file), "error": str(error)})
            continue
        written = {
            "annotated": None if out is None else _draw(out / copies[file], image, inspection),
            "heat": None if heat is None else _draw_heat(heat / copies[file], image, inspection, inspector),
        }
        decided.append(_document(file, written, inspection))
    counts = Counter(str(part["decision"]) for part in decided)
    facts: dict[str, object] = {"inspections": decided, "unreadable": unread, "counts": dict(counts)}
    emit(facts, "\n".join(_lines(decided)), as_json=as_json)
    for failure in unread:
        say(f"lineproof: {failure['error']}")
    if unread:
        raise typer.Exit(2)


def _check_folder(option: str, folder: Path | None) -> None:
    from lineproof.errors import InputError

    if folder is not None and folder.exists() and not folder.is_dir():
        raise InputError(f"{option} {folder}: a file, not a folder", hint="choose another name")


def _inspector(bundle: Path, line: Path | None, provider: str, *, heat: bool) -> Inspector:
    from lineproof.cli.assemble import open_inspector
    from lineproof.rules.tolerance import Rules

    if line is None:
        return open_inspector(bundle, Rules(), provider, heat=heat)[0]
    from lineproof.linefile import load_line

    settings = load_line(line)
    return open_inspector(bundle, settings.rules, provider, regions=settings.regions, heat=heat)[0]


def _files(paths: list[Path]) -> Iterator[Path]:
    """The files named, and the images of the folders named."""
    from lineproof.errors import InputError
    from lineproof.sources.folder import list_images

    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder", hint="check the path")
        if path.is_dir():
            yield from list_images(path)
        else:
            yield path


def _look(inspector: Inspector, file: Path) -> tuple[Image, Inspection]:
    from lineproof.core import Frame
    from lineproof.core.decode import read_image

    image = read_image(file)
    return image, inspector.inspect(Frame(image, file.stem, "file", origin=str(file)))


def _copy_names(files: list[Path]) -> Iterator[str]:
    """A file name for each annotated copy; images of one name from several folders get a number."""
    used: Counter[str] = Counter()
    for file in files:
        used[file.stem] += 1
        yield f"{file.stem}.jpg" if used[file.stem] == 1 else f"{file.stem}-{used[file.stem]}.jpg"


def _draw(target: Path, image: Image, inspection: Inspection) -> Path:
    import cv2

    from lineproof.atomic import write_bytes
    from lineproof.cli.annotate import annotate

    write_bytes(target, cv2.imencode(".jpg", annotate(image, inspection))[1].tobytes())
    return target


def _draw_heat(target: Path, image: Image, inspection: Inspection, inspector: Inspector) -> Path:
    from typing import cast

    import cv2

    from lineproof.atomic import write_bytes
    from lineproof.cli.heat_picture import heat_picture

    engine = cast("HeatEngine", inspector.engine)  # as opened with `heat`
    ((name, evidence),) = engine.heat(image, most=1).items()
    write_bytes(target, cv2.imencode(".jpg", heat_picture(image, inspection, name, evidence))[1].tobytes())
    return target


def _document(file: Path, written: dict[str, Path | None], inspection: Inspection) -> dict[str, object]:
    """As HTTP answers, with the file's path in place of the image size."""
    from lineproof.serve.answer import inspection_document

    answer = inspection_document(inspection)
    size = answer.pop("image")
    pictures = {what: None if path is None else str(path) for what, path in written.items()}
    return {"image": str(file), "image_wh": size, **pictures, **answer}


def _lines(decided: list[dict[str, object]]) -> Iterator[str]:
    for part in decided:
        reasons = part["reasons"]
        why = "; ".join(str(reason["text"]) for reason in reasons) if isinstance(reasons, list) else ""
        yield f"{part['decision']:<7} {part['image']}{'  ' if why else ''}{why}"
