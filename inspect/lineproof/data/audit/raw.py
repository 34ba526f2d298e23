"""A dataset folder read tolerantly: what `open_dataset` would refuse is kept, so that it can be told and mended."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from lineproof.data.audit.finding import Code, Finding
from lineproof.data.consistency import require_dataset_file
from lineproof.data.folder import require_folder
from lineproof.data.formats.coco_schema import CocoAnnotation, CocoImage
from lineproof.data.layout import ANNOTATIONS, IMAGES, SETTINGS, DatasetFile, read_dataset_file
from lineproof.errors import DatasetError

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class RawRecord:
    """One annotation whose ids could be read; its box may be anything."""

    row: int
    name: str  # of the image
    class_name: str
    xywh: Box | None  # as written, NaN included
    segmentation: object  # as written

    @property
    def place(self) -> str:
        """Where it stands in the file."""
        return f"annotations[{self.row}]"

    def annotation(self) -> CocoAnnotation:
        """The record for the readers of masks; raises ValueError when its segmentation is none."""
        return CocoAnnotation.model_validate({"image_id": 0, "category_id": 0, "segmentation": self.segmentation})


@dataclass(frozen=True, slots=True, eq=False)
class RawDataset:
    """What stands in the two files and in `images/`, and what could not be read."""

    root: Path
    settings: DatasetFile
    sizes: dict[str, tuple[int, int] | None]  # annotated images, in the order of the file: recorded width and height
    categories: tuple[str, ...]
    records: dict[str, list[RawRecord]]  # by image name; only images in `sizes`
    files: tuple[str, ...]  # in images/, sorted
    findings: tuple[Finding, ...]  # records that are in none of the above

    @property
    def images(self) -> Path:
        """The folder of the images."""
        return self.root / IMAGES

    def usable(self) -> list[str]:
        """Images that are there and annotated."""
        there = set(self.files)
        return [name for name in self.sizes if name in there]

    def split_of(self, name: str) -> str:
        """The split of an image, empty when there is none."""
        entry = self.settings.images.get(name)
        return entry.split if entry else ""


def read_raw(root: Path) -> RawDataset:
    """Read a dataset folder; raises DatasetError only when it is no dataset or a file is no JSON or YAML at all."""
    root = require_folder(Path(root)).resolve()
    require_dataset_file(root)
    settings = read_dataset_file(root / SETTINGS)
    document = _read_json(root / ANNOTATIONS)
    findings: list[Finding] = []
    categories = _categories(document, findings)
    sizes, name_of = _images(document, findings)
    records = _records(document, name_of, categories, findings)
    folder = root / IMAGES
    files = tuple(sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()))
    return RawDataset(root, settings, sizes, tuple(categories.values()), records, files, tuple(findings))


def _read_json(path: Path) -> dict[str, object]:
    try:
        document = json.loads(path.read_bytes())  # NaN is no JSON, but Python reads it: the audit names its box
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file", hint="import the dataset again") from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: not valid JSON ({error})", hint="import the dataset again") from None
    if not isinstance(document, dict):
        raise DatasetError(f"{path}: not a COCO file", hint="import the dataset again")
    return document


def _list(document: dict[str, object], key: str, findings: list[Finding]) -> list[object]:
    value = document.get(key)
    if isinstance(value, list):
        return value
    findings.append(Finding(Code.MALFORMED, f"{ANNOTATIONS} has no list `{key}`"))
    return []


def _categories(document: dict[str, object], findings: list[Finding]) -> dict[object, str]:
    """Class name by category id."""
    names: dict[object, str] = {}
    for row, item in enumerate(_list(document, "categories", findings)):
        if isinstance(item, dict) and isinstance(item.get("id"), int | str) and isinstance(item.get("name"), str):
            names[item["id"]] = item["name"]
        else:
            findings.append(Finding(Code.MALFORMED, "no id or no name", record=f"categories[{row}]"))
    return names


def _images(
    document: dict[str, object], findings: list[Finding]
) -> tuple[dict[str, tuple[int, int] | None], dict[object, str]]:
    """Recorded size by name, and name by image id; of an image listed twice, both ids."""
    sizes: dict[str, tuple[int, int] | None] = {}
    name_of: dict[object, str] = {}
    for row, item in enumerate(_list(document, "images", findings)):
        place = f"images[{row}]"
        try:
            image = CocoImage.model_validate(item)
        except ValidationError as error:
            findings.append(Finding(Code.MALFORMED, _reason(error), record=place))
            continue
        if image.file_name in sizes:
            findings.append(Finding(Code.LISTED_TWICE, "listed before", image.file_name, place))
        size = (image.width, image.height) if image.width and image.height else None
        sizes.setdefault(image.file_name, size)
        name_of[image.id] = image.file_name
    return sizes, name_of


def _records(
    document: dict[str, object],
    name_of: dict[object, str],
    categories: dict[object, str],
    findings: list[Finding],
) -> dict[str, list[RawRecord]]:
    records: defaultdict[str, list[RawRecord]] = defaultdict(list)
    for row, item in enumerate(_list(document, "annotations", findings)):
        place = f"annotations[{row}]"
        if not isinstance(item, dict):
            findings.append(Finding(Code.MALFORMED, "not an object", record=place))
            continue
        name, class_name = name_of.get(_key(item, "image_id")), categories.get(_key(item, "category_id"))
        if name is None:
            findings.append(Finding(Code.ORPHAN, f"image_id {item.get('image_id')} is no image", record=place))
        elif class_name is None:
            text = f"category_id {item.get('category_id')} is no class"
            findings.append(Finding(Code.UNKNOWN_CLASS, text, name, place))
        else:
            record = RawRecord(row, name, class_name, _box(item.get("bbox")), item.get("segmentation"))
            records[name].append(record)
    return dict(records)


def _key(item: dict[str, object], key: str) -> object:
    """An id that can be looked up; anything else finds nothing."""
    value = item.get(key)
    return value if isinstance(value, int | str) else None


def _box(value: object) -> Box | None:
    if not isinstance(value, list) or len(value) != 4:
        return None
    if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in value):
        return None
    x, y, width, height = (float(number) for number in value)
    return x, y, width, height


def _reason(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'record'}: {first['msg']}"
