"""Which annotation format a folder holds, and by what it was recognised."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lineproof.data.formats.coco import find_coco
from lineproof.data.formats.mask_layout import find_layout
from lineproof.data.formats.pictures import list_pictures
from lineproof.data.formats.voc import find_voc
from lineproof.data.formats.wording import count, some
from lineproof.data.formats.yolo import class_list, find_label
from lineproof.data.formats.yolo_yaml import find_data_yaml
from lineproof.errors import DatasetError


@dataclass(frozen=True, slots=True)
class Recognised:
    """A format with the reason why it is thought to be that."""

    format: str
    reason: str

    def __str__(self) -> str:
        """`yolo (data.yaml with names)`."""
        return f"{self.format} ({self.reason})"


def recognise(folder: Path) -> list[Recognised]:
    """Every format the folder may hold; empty when none, several when a person must say which."""
    found = []
    yolo = _yolo(folder)
    if yolo:
        found.append(Recognised("yolo", yolo))
    coco = find_coco(folder)
    if coco:
        found.append(Recognised("coco", some(path.relative_to(folder).as_posix() for path in coco)))
    voc = find_voc(folder)
    if voc:
        found.append(Recognised("voc", f"{count(len(voc), 'XML file')} with <annotation>"))
    masks = find_layout(folder)
    if masks:
        found.append(Recognised("masks", masks.reason))
    return found


def require_one(folder: Path, found: list[Recognised]) -> Recognised:
    """The only candidate; raises DatasetError that lists them, or says what was looked for."""
    if len(found) == 1:
        return found[0]
    if found:
        names = "; ".join(str(item) for item in found)
        raise DatasetError(f"{folder}: could be {names}", hint=f"say which: --format {found[0].format}")
    zips = sorted(path.name for path in folder.glob("*.zip"))
    below = [path.name for path in sorted(folder.iterdir()) if path.is_dir() and recognise(path)]
    if below:
        hint = f"try {folder / below[0]}"
    elif zips:
        hint = f"unpack {some(zips)} first"
    else:
        hint = "expected data.yaml or images/ + labels/ (yolo), a COCO .json, VOC .xml, or mask pictures"
    raise DatasetError(f"{folder}: no annotations recognised", hint=hint)


def _yolo(folder: Path) -> str:
    """By data.yaml, or by label files that belong to images."""
    settings = find_data_yaml(folder)
    if settings is not None:
        return f"{settings.name} with names"
    labels = sum(find_label(path) is not None for path in list_pictures(folder))
    if not labels:
        return ""
    listing = class_list(folder)
    return f"{count(labels, 'label file')}" + (f" and {listing.name}" if listing else ", no class names")
