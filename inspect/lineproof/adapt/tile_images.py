"""Training images cut into tiles, exactly as the line will cut its frames."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2

from lineproof.adapt.recipe import TileRecipe
from lineproof.core import Image, Sample
from lineproof.core.decode import read_image
from lineproof.core.tiles import TileTruth, slice_boxes
from lineproof.errors import DatasetError, ImageError

Say = Callable[[str], None]

# Lossless, so that the network sees the line's pixels; level 1 writes four times as fast as the default, a tenth larger.
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1)
_SAY_EVERY = 500  # images


@dataclass(frozen=True, slots=True)
class _Cut:
    """One image and what is written of it."""

    sample: Sample
    tiles: tuple[TileTruth, ...]


def cut_training(samples: Sequence[Sample], recipe: TileRecipe, folder: Path, seed: int, say: Say) -> list[Sample]:
    """Every tile with a defect, and so many tiles of good surface that they are `empty_share` of all.

    A tile on which only a sliver of a defect shows is left out: it is an example neither of good nor of bad.

    Raises:
        DatasetError: an image cannot be read, or no tile shows a defect.
    """
    cuts = [_cut(sample, recipe) for sample in samples]
    _say_what_changes(cuts, recipe, say)
    shown = sum(bool(len(tile.truth)) for cut in cuts for tile in cut.tiles)
    if not shown:
        raise DatasetError("no tile shows a defect", hint="larger tiles, or a smaller `visible_share` in the recipe")
    empty = [(number, tile) for number, cut in enumerate(cuts) for tile in cut.tiles if _is_good(tile)]
    wanted = min(round(shown * recipe.empty_share / (1 - recipe.empty_share)), len(empty))
    chosen = {(number, tile.tile) for number, tile in random.Random(seed).sample(empty, wanted)}  # noqa: S311
    kept = [
        replace(cut, tiles=tuple(t for t in cut.tiles if len(t.truth) or (number, t.tile) in chosen))
        for number, cut in enumerate(cuts)
    ]
    say(f"training on {shown} tiles with defects and {wanted} without, of {len(samples)} images")
    return list(_written(kept, folder, say))


def cut_validation(samples: Sequence[Sample], recipe: TileRecipe, folder: Path, say: Say) -> list[Sample]:
    """Every tile of every image; raises DatasetError when one cannot be read."""
    tiles = list(_written([_cut(sample, recipe) for sample in samples], folder, say))
    say(f"validating on {len(tiles)} tiles of {len(samples)} images")
    return tiles


def _cut(sample: Sample, recipe: TileRecipe) -> _Cut:
    tiles = recipe.tiling.grid(sample.image_wh)
    return _Cut(sample, tuple(slice_boxes(sample.truth, tile, recipe.visible_share) for tile in tiles))


def _is_good(tile: TileTruth) -> bool:
    return not len(tile.truth) and not tile.slivers


def _say_what_changes(cuts: Sequence[_Cut], recipe: TileRecipe, say: Say) -> None:
    """Tiles that cut nothing are no mistake, but hardly what was meant."""
    uncut = sum(len(cut.tiles) == 1 for cut in cuts)
    width, height = recipe.tiling.slice_wh
    if uncut == len(cuts):
        say(f"no image is larger than a tile of {width}×{height}: each is one tile, and nothing is cut")
    elif uncut:
        say(f"{uncut} of {len(cuts)} images are no larger than a tile of {width}×{height}: each of these is one tile")


def _written(cuts: Sequence[_Cut], folder: Path, say: Say) -> Iterator[Sample]:
    """The samples of the tiles, their images written; one image is in memory at a time."""
    for number, cut in enumerate(cuts):
        if number and number % _SAY_EVERY == 0:
            say(f"cut {number} of {len(cuts)} images into tiles")
        if not cut.tiles:
            continue
        image = _read(cut.sample)
        for tile in cut.tiles:
            path = folder / f"{number:06d}_{cut.sample.image.stem}_x{tile.tile.left}_y{tile.tile.top}.png"
            _write(path, tile.tile.cut(image))
            yield replace(cut.sample, image=path, image_wh=tile.tile.wh, truth=tile.truth)


def _read(sample: Sample) -> Image:
    try:
        image = read_image(sample.image)
    except ImageError as error:
        raise DatasetError(error.message, hint="run `lineproof data check --fix`") from None
    if (image.shape[1], image.shape[0]) != sample.image_wh:
        raise DatasetError(
            f"{sample.image}: is {image.shape[1]}×{image.shape[0]}, annotated as {sample.image_wh[0]}×{sample.image_wh[1]}",
            hint="run `lineproof data check`",
        )
    return image


def _write(path: Path, image: Image) -> None:
    written, data = cv2.imencode(".png", image, _PNG)
    if not written:
        raise DatasetError(f"{path}: cannot be written as PNG")
    path.write_bytes(data.tobytes())  # inside a folder that is made afresh every time
