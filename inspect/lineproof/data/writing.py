"""Filling an empty folder with a dataset: images byte for byte, annotations, settings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from lineproof.atomic import write_bytes
from lineproof.core import Sample
from lineproof.data.formats.coco_schema import CocoFile
from lineproof.data.layout import ANNOTATIONS, IMAGES, SETTINGS, DatasetFile, ImageEntry, dump_dataset_file
from lineproof.data.records import coco_document, content_digest, dump_document, records_by_image
from lineproof.errors import DatasetError


def fill_folder(
    folder: Path,
    classes: tuple[str, ...],
    samples: Iterable[Sample],
    source_format: str,
    name_of: Callable[[Sample], str],
) -> None:
    """Write everything of a dataset; raises DatasetError, or OSError when the disk refuses."""
    named: list[tuple[str, Sample]] = []
    hashes: dict[str, str] = {}
    for sample in samples:
        name = _checked_name(name_of(sample), hashes)
        hashes[name] = _copy(sample.image, folder / IMAGES / name)
        named.append((name, sample))
    if not named:
        raise DatasetError("no image to write a dataset from")
    has_masks = _all_have_masks([sample for _, sample in named])
    if not has_masks:
        named = [(name, replace(sample, truth=replace(sample.truth, masks=None))) for name, sample in named]
    document = coco_document(classes, named)
    write_bytes(folder / ANNOTATIONS, dump_document(document))
    parsed = CocoFile.model_validate(document)
    records = records_by_image(parsed, ANNOTATIONS)
    digest = content_digest(classes, [(i.file_name, hashes[i.file_name], records[i.id]) for i in parsed.images])
    entries = {name: ImageEntry.model_validate({"split": s.split, "group": s.group}) for name, s in named}
    settings = DatasetFile(
        classes=list(classes),
        source_format=source_format,
        has_masks=has_masks,
        content_hash=digest,
        images=entries,
    )
    write_bytes(folder / SETTINGS, dump_dataset_file(settings))


def _all_have_masks(samples: list[Sample]) -> bool:
    """Every defect has a mask; in a dataset of good parts only, the empty columns say it."""
    defects = [sample for sample in samples if len(sample.truth)]
    return all(sample.truth.masks is not None for sample in defects or samples)


def _checked_name(name: str, taken: Mapping[str, str]) -> str:
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\\" in name or path.as_posix() != name:
        raise DatasetError(f"image name {name!r} cannot be a path below images/", hint="rename the file")
    if not name.isprintable():
        raise DatasetError(f"image name {name!r} has characters no other tool can read", hint="rename the file")
    if name in taken:
        raise DatasetError(f"two images would be called {name!r}", hint="rename one of them")
    return name


def _copy(source: Path, target: Path) -> str:
    """Copy a file, returning the sha256 of its bytes; not flushed one by one, the content hash tells a torn copy."""
    try:
        data = source.read_bytes()
    except OSError as error:
        raise DatasetError(f"{source}: cannot be read ({error.strerror})") from None
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return hashlib.sha256(data).hexdigest()
