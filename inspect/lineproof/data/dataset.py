"""The dataset every room reads: a folder with `images/`, `annotations.coco.json` and `dataset.yaml`."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lineproof.atomic import put_in_place, write_bytes
from lineproof.core import Sample
from lineproof.data.consistency import check_classes, check_images, require_dataset_file
from lineproof.data.folder import require_folder, require_free
from lineproof.data.formats.coco_schema import CocoAnnotation, CocoImage, read_coco
from lineproof.data.layout import (
    ANNOTATIONS,
    IMAGES,
    SETTINGS,
    SPLITS,
    DatasetFile,
    ImageEntry,
    dump_dataset_file,
    read_dataset_file,
)
from lineproof.data.records import content_digest, records_by_image, truth_of
from lineproof.data.writing import fill_folder
from lineproof.errors import DatasetError


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Classes and samples of one folder; `class_id` in a sample's truth indexes `classes`."""

    root: Path
    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    source_format: str
    content_hash: str
    has_masks: bool

    def name_of(self, sample: Sample) -> str:
        """The unique name of a sample: its path below `images/`."""
        return sample.image.relative_to(self.root / IMAGES).as_posix()

    def class_counts(self) -> dict[str, int]:
        """How many instances of each class there are, in class order."""
        ids = Counter(int(class_id) for sample in self.samples for class_id in sample.truth.class_id)
        return {name: ids[class_id] for class_id, name in enumerate(self.classes)}


def open_dataset(root: Path) -> Dataset:
    """Read a dataset folder; hashes are not recomputed, see `content_hash`.

    Raises:
        DatasetError: no dataset, or its files contradict each other; names the file and the record.
    """
    root = require_folder(Path(root)).resolve()
    require_dataset_file(root)
    settings = read_dataset_file(root / SETTINGS)
    document = read_coco(root / ANNOTATIONS)
    check_classes(root, settings, document)
    check_images(root, settings, document)
    records = records_by_image(document, str(root / ANNOTATIONS))
    class_of: dict[int | str, int] = {category.id: i for i, category in enumerate(document.categories)}
    samples = tuple(_sample(root, settings, image, records[image.id], class_of) for image in document.images)
    return Dataset(
        root, tuple(settings.classes), samples, settings.source_format, settings.content_hash, settings.has_masks
    )


def content_hash(root: Path) -> str:
    """The hash recomputed from the files; another value than `Dataset.content_hash` means an image or box changed."""
    root = Path(root).resolve()
    settings, document = read_dataset_file(root / SETTINGS), read_coco(root / ANNOTATIONS)
    records = records_by_image(document, str(root / ANNOTATIONS))
    images = [
        (image.file_name, _sha256(root / IMAGES / image.file_name), records[image.id]) for image in document.images
    ]
    return content_digest(tuple(settings.classes), images)


def write_dataset(
    out: Path,
    classes: tuple[str, ...],
    samples: Iterable[Sample],
    source_format: str,
    *,
    name_of: Callable[[Sample], str] | None = None,
    overwrite: bool = False,
) -> Dataset:
    """Copy images byte for byte and write the annotations; built beside `out`, then renamed, so it is whole or absent.

    `name_of` gives each sample's name below `images/` (default: its file name). Masks are kept when every defect has one.

    Raises:
        DatasetError: `out` is taken, a name is used twice, no sample, or the disk refuses.
    """
    out = Path(out).absolute()
    require_free(out, overwrite=overwrite, marker=SETTINGS)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise DatasetError(f"{out}: cannot be written ({error.strerror})", hint="choose another --out") from None
    try:
        fill_folder(building, classes, samples, source_format, name_of or (lambda sample: sample.image.name))
        building.chmod(0o755)  # mkdtemp makes 0700
        put_in_place(building, out)
    except OSError as error:
        raise DatasetError(
            f"{out}: cannot be written ({error.strerror})", hint="make room, or choose another --out"
        ) from None
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return open_dataset(out)


def with_splits(dataset: Dataset, splits: Mapping[str, str], groups: Mapping[str, str]) -> Dataset:
    """The dataset with new splits and groups by image name; an image that is not named keeps what it had.

    Rewrites `dataset.yaml` only. Raises DatasetError for a name the dataset does not hold or a split that is none.
    """
    path = dataset.root / SETTINGS
    settings = read_dataset_file(path)
    strange = [name for name in {**splits, **groups} if name not in settings.images]
    if strange:
        raise DatasetError(f"{dataset.root}: no image {strange[0]!r} ({len(strange)} such names)")
    wrong = sorted({split for split in splits.values() if split not in ("", *SPLITS)})
    if wrong:
        raise DatasetError(f"split {wrong[0]!r}: expected train, val or test")
    images = {
        name: ImageEntry.model_validate({"split": splits.get(name, old.split), "group": groups.get(name, old.group)})
        for name, old in settings.images.items()
    }
    write_bytes(path, dump_dataset_file(settings.model_copy(update={"images": images})))
    samples = tuple(
        replace(sample, split=images[name].split, group=images[name].group)
        for sample in dataset.samples
        for name in [dataset.name_of(sample)]
    )
    return replace(dataset, samples=samples)


def _sample(
    root: Path,
    settings: DatasetFile,
    image: CocoImage,
    records: list[CocoAnnotation],
    class_of: Mapping[int | str, int],
) -> Sample:
    """One image with its truth; raises DatasetError naming the image when its records cannot be used."""
    where = f"{root / ANNOTATIONS}, image {image.file_name}"
    if image.width is None or image.height is None:
        raise DatasetError(f"{where}: no width or height")
    image_wh = (image.width, image.height)
    try:
        truth = truth_of(records, class_of, image_wh)
    except ValueError as error:
        raise DatasetError(f"{where}: {error}") from None
    if settings.has_masks and truth.masks is None:
        raise DatasetError(f"{where}: an annotation without a mask, but {SETTINGS} says has_masks: true")
    if not settings.has_masks:
        truth = replace(truth, masks=None)
    entry = settings.images[image.file_name]
    return Sample(root / IMAGES / image.file_name, image_wh, truth, entry.group, entry.split)


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from None
