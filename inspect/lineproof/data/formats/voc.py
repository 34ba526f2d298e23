"""Pascal VOC datasets: XML files beside the images, in `Annotations/`, or anywhere below the folder.

Coordinates are taken as written: the original VOC counts pixels from 1, but trainers and converters use them unshifted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lineproof.data.formats.pictures import by_stem, list_pictures
from lineproof.data.formats.source import Instance, Item, Label, Labelled, NoLabel, ReadOptions, Source, Unlabelled
from lineproof.data.formats.split_words import split_of
from lineproof.data.formats.voc_xml import VocFile, read_voc_file
from lineproof.data.formats.walk import files_below, folders_below
from lineproof.data.formats.wording import count, some
from lineproof.data.formats.yolo_label import read_text
from lineproof.errors import DatasetError

_HEAD_BYTES = 2000
_IMAGE_SETS = ("ImageSets", "Main")


def find_voc(folder: Path) -> list[Path]:
    """XML files that begin like a VOC annotation."""
    return sorted(path for path in files_below(folder) if path.suffix.lower() == ".xml" and _looks_like_voc(path))


def read_voc_folder(folder: Path, options: ReadOptions) -> Source:
    """Read every VOC file of a folder; raises DatasetError naming file and object."""
    files = [read_voc_file(path) for path in find_voc(folder)]
    if not files:
        raise DatasetError(f"{folder}: no Pascal VOC file (XML with <annotation>) in it")
    pictures = list_pictures(folder)
    classes = tuple(sorted({item.name for file in files for item in file.objects})) or options.classes
    if not classes:
        raise DatasetError(f"{folder}: {count(len(files), 'XML file')}, none with an object", hint="give --classes")
    class_of = {name: class_id for class_id, name in enumerate(classes)}
    image_of = _pair(folder, files, pictures)
    splits = _image_sets(folder)
    labels: dict[Path, Label] = {image: VocLabel(file, class_of) for image, file in image_of.items()}
    items = tuple(
        Item(
            image,
            labels.get(image, NoLabel("no XML file")),
            splits.get(image.stem) or split_of(image.relative_to(folder).parts[:-1]),
        )
        for image in pictures
    )
    return Source("voc", f"{count(len(files), 'XML file')} with <annotation>", classes, items)


@dataclass(frozen=True, slots=True, eq=False)
class VocLabel:
    """The objects of one XML file."""

    file: VocFile
    class_of: dict[str, int]

    def read(self, image_wh: tuple[int, int]) -> Labelled | Unlabelled:
        """The truth in pixels; raises DatasetError when the file is about an image of another size."""
        told_wh = self.file.size_wh or image_wh
        if told_wh != image_wh:
            raise DatasetError(
                f"{self.file.path}: size {told_wh[0]}×{told_wh[1]}, but the image is {image_wh[0]}×{image_wh[1]}",
                hint="annotation and image do not belong together, or EXIF rotates the image",
            )
        return Labelled.of([Instance(self.class_of[item.name], item.xyxy) for item in self.file.objects])


def _looks_like_voc(path: Path) -> bool:
    with path.open("rb") as file:
        return b"<annotation" in file.read(_HEAD_BYTES).replace(b"\0", b"")  # UTF-16 has a zero in every letter


def _pair(folder: Path, files: list[VocFile], pictures: list[Path]) -> dict[Path, VocFile]:
    """The image of each file: by the name of the XML, then by `filename`, which is often stale or without suffix."""
    stems = by_stem(pictures)
    paired: dict[Path, VocFile] = {}
    absent = []
    for file in files:
        image = _nearest(file, stems.get(file.path.stem, [])) or _nearest(file, _named(file, stems))
        if image is None:
            absent.append(file.path.name)
            continue
        other = paired.setdefault(image, file)
        if other is not file:
            raise DatasetError(f"{file.path}: annotates {image.name}, which {other.path} annotates too")
    if absent:
        raise DatasetError(
            f"{folder}: {count(len(absent), 'annotation')} of absent images: {some(absent)}",
            hint="copy the images too, or remove the XML files",
        )
    return paired


def _named(file: VocFile, stems: dict[str, list[Path]]) -> list[Path]:
    """Images that the `filename` element means, with or without suffix."""
    name = file.filename.replace("\\", "/").rsplit("/", 1)[-1]
    exact = [image for image in stems.get(Path(name).stem, []) if image.name == name]
    return exact or stems.get(name, [])


def _nearest(file: VocFile, candidates: list[Path]) -> Path | None:
    """The one candidate; of several the one that `filename` names, or in the same split folder, or beside the XML."""
    if len(candidates) <= 1:
        return candidates[0] if candidates else None
    exact = [image for image in candidates if image.name == Path(file.filename).name] or candidates
    beside = [image for image in exact if image.parent == file.path.parent]
    near = beside or [image for image in exact if image.parent.parent == file.path.parent.parent] or exact
    if len(near) > 1:
        raise DatasetError(f"{file.path}: fits {count(len(near), 'image')}: {some(near)}", hint="rename them apart")
    return near[0]


def _image_sets(folder: Path) -> dict[str, str]:
    """Splits of `ImageSets/Main/{train,val,test}.txt`, by image name without suffix; raises DatasetError for one in two."""
    splits: dict[str, str] = {}
    for split in ("train", "val", "test"):
        for listing in (place / f"{split}.txt" for place in folders_below(folder) if place.parts[-2:] == _IMAGE_SETS):
            if not listing.is_file():
                continue
            for line in read_text(listing).splitlines():
                stem = line.split()[0] if line.split() else ""
                if stem and splits.setdefault(stem, split) != split:
                    raise DatasetError(f"{listing}: {stem} is in {splits[stem]} too")
    return splits
