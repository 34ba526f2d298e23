"""From somebody's folder to our dataset: recognise, read every label, refuse what would poison training, write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from lineproof.core import Sample
from lineproof.data.dataset import Dataset, write_dataset
from lineproof.data.folder import require_folder, require_free
from lineproof.data.formats.coco import read_coco_folder
from lineproof.data.formats.masks import read_mask_folder
from lineproof.data.formats.pictures import list_pictures
from lineproof.data.formats.recognise import recognise, require_one
from lineproof.data.formats.source import ReadOptions, Source
from lineproof.data.formats.voc import read_voc_folder
from lineproof.data.formats.wording import count, near, some
from lineproof.data.formats.yolo import read_yolo
from lineproof.data.groups import read_groups
from lineproof.data.layout import ANNOTATIONS, SETTINGS
from lineproof.data.loading import Loaded, Progress, load, silent, unlabelled_error
from lineproof.data.naming import image_names
from lineproof.data.split_lists import read_split_lists
from lineproof.errors import DatasetError

READERS: Mapping[str, Callable[[Path, ReadOptions], Source]] = {
    "yolo": read_yolo,
    "coco": read_coco_folder,
    "voc": read_voc_folder,
    "masks": read_mask_folder,
}


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the person importing decides."""

    format: str = "auto"
    read: ReadOptions = field(default_factory=ReadOptions)
    unlabelled: Literal["error", "ok", "skip"] = "error"
    group_by: str = ""  # a .csv file or a pattern; "" makes every image its own group
    split_lists: tuple[tuple[str, Path], ...] = ()
    skip_unreadable: bool = False
    overwrite: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ImportReport:
    """What was imported, and what was left out or assumed."""

    dataset: Dataset
    reason: str  # by what the format was recognised
    unlabelled: tuple[str, ...]  # image and reason
    unreadable: tuple[str, ...]
    notes: tuple[str, ...]


def import_dataset(src: Path, out: Path, options: ImportOptions, progress: Progress = silent) -> ImportReport:
    """Import a folder as a dataset at `out`; nothing is written unless everything can be.

    Raises:
        DatasetError: not recognised, annotations that cannot be used, or images without annotation; names the files.
    """
    src = require_folder(src).resolve()
    _require_apart(src, out.resolve())
    require_free(out, overwrite=options.overwrite, marker=SETTINGS)
    source = read_source(src, options)
    loaded = load(source, progress)
    samples = _allowed(src, loaded, options)
    classes = options.read.classes or source.classes
    samples = _in_class_order(samples, source.classes, classes)
    names = image_names(src, [item.image for item in source.items])
    samples = _with_splits(samples, names, options)
    samples = _with_groups(samples, names, options)
    samples.sort(key=lambda sample: names[sample.image])
    dataset = write_dataset(
        out,
        classes,
        progress(samples, "writing"),
        source.format,
        name_of=lambda sample: names[sample.image],
        overwrite=options.overwrite,
    )
    return ImportReport(
        dataset,
        source.reason,
        tuple(f"{names[sample.image]}: {reason}" for sample, reason in loaded.unlabelled),
        tuple(loaded.unreadable),
        (*source.notes, *_notes(src, source, loaded, dataset, options)),
    )


def read_source(src: Path, options: ImportOptions) -> Source:
    """The source in the format asked for, or in the one recognised; raises DatasetError when that is not clear."""
    name = options.format
    if name == "auto":
        if (src / SETTINGS).is_file() and (src / ANNOTATIONS).is_file():
            raise DatasetError(f"{src}: is a lineproof dataset already", hint="use it as it is")
        name = require_one(src, recognise(src)).format
    if name not in READERS:
        raise DatasetError(f"--format {name}: unknown{near(name, list(READERS))}", hint=f"auto, {', '.join(READERS)}")
    source = READERS[name](src, options.read)
    if not source.items:
        raise DatasetError(f"{src}: no image in it")
    return source


def _require_apart(src: Path, out: Path) -> None:
    """A dataset inside its source would be found by the next import; a source inside --out would be replaced."""
    if out == src or out.is_relative_to(src) or src.is_relative_to(out):
        raise DatasetError(
            f"--out {out}: lies in the same folder tree as the source {src}", hint="choose a folder elsewhere"
        )


def _allowed(src: Path, loaded: Loaded, options: ImportOptions) -> list[Sample]:
    """The samples that may be used; raises DatasetError for unreadable or unlabelled ones unless told otherwise."""
    if loaded.unreadable and not options.skip_unreadable:
        raise DatasetError(
            f"{count(len(loaded.unreadable), 'image')} cannot be read: {some(loaded.unreadable)}",
            hint="copy them again, or leave them out with --skip-unreadable",
        )
    if loaded.unlabelled and options.unlabelled == "error":
        raise unlabelled_error(loaded)
    good = [sample for sample, _ in loaded.unlabelled] if options.unlabelled == "ok" else []
    if not loaded.samples and not good:
        raise DatasetError(f"{src}: no image left to import")
    return [*loaded.samples, *good]


def _in_class_order(samples: list[Sample], have: tuple[str, ...], want: tuple[str, ...]) -> list[Sample]:
    """Class ids renumbered to the order asked for; raises DatasetError when a class that occurs is not in it."""
    if have == want:
        return samples
    used = {int(class_id) for sample in samples for class_id in sample.truth.class_id}
    strange = [name for class_id, name in enumerate(have) if class_id in used and name not in want]
    if strange:
        raise DatasetError(
            f"class {strange[0]!r} of the source is not in --classes{near(strange[0], want)}",
            hint=f"the source has {', '.join(have)}",
        )
    new_id = np.array([want.index(name) if name in want else -1 for name in have], np.int32)
    return [replace(s, truth=replace(s.truth, class_id=new_id[s.truth.class_id])) for s in samples]


def _with_splits(samples: list[Sample], names: Mapping[Path, str], options: ImportOptions) -> list[Sample]:
    """Splits from lists take the place of those of the source."""
    if not options.split_lists:
        return samples
    splits = read_split_lists(options.split_lists, list(names.values()))
    return [replace(sample, split=splits.get(names[sample.image], "")) for sample in samples]


def _with_groups(samples: list[Sample], names: Mapping[Path, str], options: ImportOptions) -> list[Sample]:
    """Groups from a CSV or pattern; otherwise every image is a part of its own."""
    wanted = [names[sample.image] for sample in samples]
    groups = read_groups(options.group_by, wanted, list(names.values())) if options.group_by else {}
    return [replace(s, group=groups.get(name, name)) for s, name in zip(samples, wanted, strict=True)]


def _notes(src: Path, source: Source, loaded: Loaded, dataset: Dataset, options: ImportOptions) -> list[str]:
    """What a person should know before training on this."""
    notes = []
    counts = dataset.class_counts()
    if loaded.outlined and not dataset.has_masks:
        notes.append(
            f"{loaded.outlined} of {sum(counts.values())} defects have an outline, the others only a box: imported as boxes"
        )
    bare = [name for name, number in counts.items() if not number]
    if bare:
        notes.append(f"no defect of {some(bare)}")
    if options.split_lists:
        loose = [sample for sample in dataset.samples if not sample.split]
        if loose:
            notes.append(f"{count(len(loose), 'image')} in no --split list: without a split")
    training = [sample for sample in dataset.samples if sample.split == "train"]
    if training and all(sample.ok for sample in training):
        notes.append("the train split holds good parts only: make another with `lineproof data split`")
    if source.format in ("coco", "yolo"):  # the other readers take every image there is
        used = {item.image for item in source.items}
        rest = [path.relative_to(src) for path in list_pictures(src) if path not in used]
        if rest:
            notes.append(f"{count(len(rest), 'image')} not looked at, no annotation file is about them: {some(rest)}")
    return notes
