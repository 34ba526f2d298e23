"""Where images and their mask pictures lie: a folder per class, MVTec's `test/` + `ground_truth/`, `images/` + `masks/`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lineproof.data.formats.pictures import is_picture, list_pictures
from lineproof.data.formats.split_words import split_of
from lineproof.data.formats.walk import folders_below
from lineproof.data.formats.wording import count, some

MASK_FOLDERS = frozenset({"masks", "mask", "ground_truth", "gt", "labels", "label", "annotations"})
_IMAGE_FOLDERS = frozenset({"images", "image", "imgs", "img"})
_MASK_ENDINGS = ("_mask", "_gt", "_label", "-mask")


@dataclass(frozen=True, slots=True)
class Pair:
    """An image, its mask where there is one, its class folder ("" where folders do not tell) and split."""

    image: Path
    mask: Path | None
    class_name: str
    split: str


@dataclass(frozen=True, slots=True)
class MaskLayout:
    """The pairs of a folder, and by what they were recognised."""

    reason: str
    pairs: tuple[Pair, ...]
    orphans: tuple[Path, ...]  # masks of absent images


def find_layout(folder: Path) -> MaskLayout | None:
    """The first layout that fits: MVTec, images and masks side by side, a folder per class."""
    return _mvtec(folder) or _side_by_side(folder) or _class_folders(folder)


def _mvtec(folder: Path) -> MaskLayout | None:
    """`train/good`, `test/CLASS/000.png` with `ground_truth/CLASS/000_mask.png`."""
    truth = folder / "ground_truth"
    if not truth.is_dir() or not (folder / "test").is_dir():
        return None
    masks = _index(truth)
    pairs = []
    for image in list_pictures(folder):
        parts = image.relative_to(folder).parts
        if parts[0] == "ground_truth" or len(parts) < 3:
            continue
        pairs.append(Pair(image, masks.get((parts[1:-1], image.stem)), parts[1], split_of(parts[:1])))
    if not masks:
        return None
    return MaskLayout("test/ with ground_truth/, as MVTec AD", tuple(pairs), _orphans(masks.values(), pairs))


def _side_by_side(folder: Path) -> MaskLayout | None:
    """`images/` + `masks/`, also below or above folders of the splits."""
    places = [path for path in folders_below(folder) if path.name.lower() in MASK_FOLDERS]
    masks: dict[tuple[tuple[str, ...], str], Path] = {}
    for place in places:
        above = place.relative_to(folder).parts[:-1]
        masks.update({((*above, *parts), stem): path for (parts, stem), path in _index(place).items()})
    inside = set(masks.values())
    pairs = []
    for image in list_pictures(folder):
        if image in inside:
            continue
        parts = image.relative_to(folder).parts[:-1]
        bare = tuple(part for part in parts if part.lower() not in _IMAGE_FOLDERS)
        if not any(part.lower() in MASK_FOLDERS for part in parts):
            pairs.append(Pair(image, masks.get((bare, image.stem)), _class_part(bare), split_of(parts)))
    if not any(pair.mask for pair in pairs):
        return None
    names = sorted({place.relative_to(folder).as_posix() for place in places})
    orphans = _orphans(masks.values(), pairs)
    return MaskLayout(f"images with masks of the same name in {some(names)}", tuple(pairs), orphans)


def _class_folders(folder: Path) -> MaskLayout | None:
    """`CLASS/NAME.jpg` with `CLASS/NAME.png` (or `NAME_mask.png`), `Imgs/` in between or not."""
    pairs: list[Pair] = []
    masks: list[Path] = []
    for place in folders_below(folder):
        parts = place.relative_to(folder).parts
        bare = tuple(part for part in parts if part.lower() not in _IMAGE_FOLDERS)
        mask_of, images = _same_folder(place)
        pairs.extend(Pair(image, mask_of.get(image.stem), _class_part(bare), split_of(parts)) for image in images)
        masks.extend(mask_of.values())
    with_mask = sum(pair.mask is not None for pair in pairs)
    if not with_mask:
        return None
    folders = sorted({pair.class_name for pair in pairs if pair.class_name})
    what = f"{count(len(folders), 'class folder')} ({some(folders)})" if folders else "images"
    orphans = _orphans(masks, pairs)
    return MaskLayout(f"{what} with a mask of the same name beside each image", tuple(pairs), orphans)


def _orphans(masks: Iterable[Path], pairs: list[Pair]) -> tuple[Path, ...]:
    used = {pair.mask for pair in pairs}
    return tuple(path for path in masks if path not in used)


def _same_folder(place: Path) -> tuple[dict[str, Path], list[Path]]:
    """Masks by the name of their image, and images: a mask has the same name as .png, or an ending such as `_mask`."""
    pictures = sorted(path for path in place.iterdir() if is_picture(path) and path.is_file())
    photos = {path.stem for path in pictures if path.suffix.lower() != ".png"}
    masks = {path.stem: path for path in pictures if path.suffix.lower() == ".png" and path.stem in photos}
    masks.update({_without_ending(p.stem): p for p in pictures if _without_ending(p.stem) != p.stem})
    taken = set(masks.values())
    return masks, [path for path in pictures if path not in taken]


def _index(place: Path) -> dict[tuple[tuple[str, ...], str], Path]:
    """Masks below a folder by (folders between, name without ending)."""
    found = {}
    for path in list_pictures(place):
        parts = tuple(p for p in path.relative_to(place).parts[:-1] if p.lower() not in _IMAGE_FOLDERS)
        found[(parts, _without_ending(path.stem))] = path
    return found


def _without_ending(stem: str) -> str:
    for ending in _MASK_ENDINGS:
        if stem.lower().endswith(ending):
            return stem[: -len(ending)]
    return stem


def _class_part(parts: tuple[str, ...]) -> str:
    """The class a path tells: its last folder that is no split."""
    classes = [part for part in parts if not split_of([part])]
    return classes[-1] if classes else ""
