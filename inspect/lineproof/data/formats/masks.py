"""Mask datasets: pictures whose bright pixels are the defects, their class told by the folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lineproof.data.formats.mask_image import GoodLabel, MaskLabel
from lineproof.data.formats.mask_layout import Pair, find_layout
from lineproof.data.formats.source import Item, Label, NoLabel, ReadOptions, Source
from lineproof.data.formats.wording import count, some
from lineproof.errors import DatasetError

GOOD_NAMES = frozenset({"free", "good", "ok", "normal", "defect_free", "defect-free", "no_defect", "none"})


@dataclass(frozen=True, slots=True)
class ClassFolders:
    """What the folders of a source mean: a class each, except those of good parts."""

    name_of: dict[str, str]  # folder -> class
    good: frozenset[str]  # folders

    @classmethod
    def of(cls, folders: set[str], nameless: str) -> ClassFolders:
        """From the folder names; `nameless` is the class where folders do not tell one."""
        prefix = _common_prefix(folders)
        bare = {folder: folder.removeprefix(prefix) for folder in folders}
        good = frozenset(folder for folder, name in bare.items() if name.lower() in GOOD_NAMES)
        return cls({folder: name or nameless for folder, name in bare.items() if folder not in good}, good)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in order of the alphabet."""
        return tuple(sorted(set(self.name_of.values())))

    def label(self, pair: Pair, options: ReadOptions) -> Label:
        """The label of one image."""
        if pair.class_name in self.good:
            return GoodLabel(pair.mask, options.mask_threshold, options.min_speck_px)
        if pair.mask is None:
            return NoLabel("no mask")
        class_id = self.classes.index(self.name_of[pair.class_name])
        # Without class folders a black mask is how such data says "good"; in a folder of defects it was forgotten.
        empty_is_ok = not pair.class_name
        return MaskLabel(pair.mask, class_id, options.mask_threshold, options.min_speck_px, empty_is_ok)


def read_mask_folder(folder: Path, options: ReadOptions) -> Source:
    """Read a mask dataset; raises DatasetError naming the masks that cannot be used."""
    layout = find_layout(folder)
    if layout is None:
        raise DatasetError(
            f"{folder}: no masks found",
            hint="expected CLASS/NAME.jpg + NAME.png, images/ + masks/, or test/CLASS + ground_truth/CLASS",
        )
    if layout.orphans:
        raise DatasetError(
            f"{folder}: {count(len(layout.orphans), 'mask')} of absent images: {some(layout.orphans)}",
            hint="copy the images too, or remove the masks",
        )
    nameless = options.classes[0] if len(options.classes) == 1 else "defect"
    folders = ClassFolders.of({pair.class_name for pair in layout.pairs}, nameless)
    if not folders.classes:
        raise DatasetError(f"{folder}: only folders of good parts", hint="defects are needed too")
    items = tuple(Item(pair.image, folders.label(pair, options), pair.split) for pair in layout.pairs)
    notes = (f"good parts: {some(sorted(folders.good))}",) if folders.good else ()
    return Source("masks", layout.reason, folders.classes, items, notes)


def _common_prefix(names: set[str]) -> str:
    """What all class folders begin with (`MT_` of MT_Crack, MT_Free), if without it one of them says "good".

    Only then it is surely no part of the names: scratch_deep and scratch_light stay as they are.
    """
    prefix = os.path.commonprefix(sorted(names))  # noqa: RUF071 (characters are what is compared here)
    prefix = prefix[: max(prefix.rfind("_"), prefix.rfind("-")) + 1]
    return prefix if any(name.removeprefix(prefix).lower() in GOOD_NAMES for name in names) else ""
