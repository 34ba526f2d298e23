from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from lineproof.adapt import pipeline
from lineproof.adapt.begin import Wish
from lineproof.adapt.progress import PlainProgress
from lineproof.adapt.recipe import Geometry, Recipe, TileRecipe
from lineproof.adapt.workspace import prepare_workspace
from lineproof.bundle.open import open_bundle
from lineproof.cli.output import messages
from lineproof.core import Detections, Sample
from lineproof.core.decode import read_image
from lineproof.core.tiles import Tiling
from lineproof.data.dataset import Dataset, write_dataset
from lineproof.errors import DatasetError, SettingsError
from lineproof.settings import parse_settings

TILES = TileRecipe(slice=64, overlap=0.25)
WH = (208, 112)  # 4 × 2 tiles


def large_parts(folder: Path, count: int) -> list[Sample]:
    """Grey parts of several tiles with one small white or red square each; every fourth is good."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    samples = []
    for index in range(count):
        image = rng.integers(90, 120, (WH[1], WH[0], 3)).astype(np.uint8)
        truth = Detections.empty()
        if index % 4 != 3:
            x, y = int(rng.integers(0, WH[0] - 14)), int(rng.integers(0, WH[1] - 14))
            image[y : y + 14, x : x + 14] = (250, 250, 250) if index % 2 else (20, 20, 230)
            truth = Detections(np.array([[x, y, x + 14, y + 14]]), np.ones(1), np.array([(index + 1) % 2]))
        path = folder / f"part-{index:02d}.png"
        cv2.imwrite(str(path), image)
        samples.append(Sample(path, WH, truth, f"g{index}", "train" if index < count * 2 // 3 else "val"))
    return samples


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = tmp_path_factory.mktemp("large")
    return write_dataset(root / "data", ("white", "red"), large_parts(root / "drawn", 12), "test")


def test_tiles_are_the_lines_own_with_their_truth(large: Dataset, tmp_path: Path):
    workspace = prepare_workspace(large, "detect", tmp_path / "work", tiles=TILES)
    images = sorted(workspace.images("val").iterdir())
    val = [s for s in large.samples if s.split == "val"]
    assert len(images) == len(workspace.val) == 8 * len(val)
    frame, grid = read_image(val[0].image), TILES.tiling.grid(WH)
    for tile, made in zip(grid, workspace.val[:8], strict=True):
        np.testing.assert_array_equal(read_image(made.image), tile.cut(frame))
        assert made.group == val[0].group
        rows = (workspace.root / "labels" / "val" / f"{made.image.stem}.txt").read_text().splitlines()
        assert len(rows) == len(made.truth)
    back = [s.truth.shift(t.left, t.top) for s, t in zip(workspace.val[:8], grid, strict=True) if len(s.truth)]
    assert val[0].truth.xyxy.tolist()[0] in [box for found in back for box in found.xyxy.tolist()]


def test_training_has_every_tile_with_a_defect_and_its_share_of_empty_ones(large: Dataset, tmp_path: Path):
    half = prepare_workspace(large, "detect", tmp_path / "a", tiles=TILES.model_copy(update={"empty_share": 0.5}))
    shown = [s for s in half.train if not s.ok]
    assert len(shown) == sum(s.ok for s in half.train)
    none = prepare_workspace(large, "detect", tmp_path / "b", tiles=TILES.model_copy(update={"empty_share": 0.0}))
    assert len(none.train) == len(shown)
    assert not any(s.ok for s in none.train)
    again = prepare_workspace(large, "detect", tmp_path / "c", tiles=TILES.model_copy(update={"empty_share": 0.5}))
    assert [s.image.name for s in again.train] == [s.image.name for s in half.train]
    other = prepare_workspace(
        large, "detect", tmp_path / "d", tiles=TILES.model_copy(update={"empty_share": 0.5}), seed=1
    )
    assert [s.image.name for s in other.train] != [s.image.name for s in half.train]


def test_a_tile_with_a_sliver_of_a_defect_is_no_example_of_a_good_one(tmp_path: Path):
    pictures = []
    for split in ("train", "val"):
        path = tmp_path / f"{split}.png"
        cv2.imwrite(str(path), np.full((64, 112, 3), 99, np.uint8))  # two tiles, at 0 and at 48
        box = np.array([[36, 20, 50, 40]], np.float32)  # whole on the first, 2 of 14 px on the second
        pictures.append(Sample(path, (112, 64), Detections(box, np.ones(1), np.zeros(1)), split, split))
    dataset = write_dataset(tmp_path / "d", ("dent",), pictures, "test")
    workspace = prepare_workspace(
        dataset, "detect", tmp_path / "w", tiles=TILES.model_copy(update={"empty_share": 0.9})
    )
    assert [s.image.stem.rsplit("_x", 1)[1] for s in workspace.train] == ["0_y0"]
    assert len(workspace.val) == 2


def test_images_no_larger_than_a_tile_are_said_to_stay_whole(large: Dataset, tmp_path: Path):
    said: list[str] = []
    tiles = TileRecipe(slice=512)
    workspace = prepare_workspace(large, "detect", tmp_path / "w", tiles=tiles, say=said.append)
    assert any("no image is larger than a tile of 512×512" in line for line in said)
    assert [s.image_wh for s in workspace.val] == [WH] * 4


def test_a_classifier_has_no_tiles(large: Dataset, tmp_path: Path):
    with pytest.raises(DatasetError, match="tiles are for boxes and masks, not for a model that can classify"):
        prepare_workspace(large, "classify", tmp_path / "w", tiles=TILES)


def test_a_damaged_image_is_named(large: Dataset, tmp_path: Path):
    copy = write_dataset(tmp_path / "d", large.classes, large.samples, "test")
    data = copy.samples[0].image.read_bytes()
    copy.samples[0].image.write_bytes(data[: len(data) // 2])
    with pytest.raises(DatasetError, match=r"part-00\.png"):
        prepare_workspace(copy, "detect", tmp_path / "w", tiles=TILES)


@pytest.mark.parametrize(
    ("tiles", "words"),
    [
        ({"slice": 160, "overlap": 1.0}, "tiles.overlap"),
        ({"slice": 8}, "tiles of 8 px are too small"),
        ({"slice": [320, 240], "overlapp": 0.1}, "did you mean 'overlap'"),
        ({"slice": 160, "empty_share": 1.0}, "tiles.empty_share"),
    ],
)
def test_impossible_tiles_are_refused_by_key(tiles: dict[str, object], words: str):
    with pytest.raises(SettingsError, match=words):
        parse_settings({"tiles": tiles}, Recipe, "recipe.yaml")


def test_a_recipe_takes_one_side_or_two():
    square, oblong = TileRecipe(slice=160, overlap=0.25).tiling, TileRecipe(slice=(320, 200), overlap=0.1).tiling
    assert square == Tiling((160, 160), (40, 40))
    assert oblong == Tiling((320, 200), (32, 20))


@pytest.mark.train
def test_a_run_on_tiles_is_sealed_with_them_and_decides_the_same(large: Dataset, tmp_path: Path):
    recipe = Recipe(
        imgsz=64, epochs=2, batch=8, nominal_batch=8, augment="none", geometry=Geometry(mosaic=0, close_mosaic=0),
        warmup_steps=0, tiles=TILES,
    )  # fmt: skip
    done = pipeline.train(large.root, tmp_path / "run", Wish(recipe, "scratch"), PlainProgress(messages))
    manifest = open_bundle(tmp_path / "run" / "bundle").manifest
    assert manifest.tiles.tiling == TILES.tiling
    assert manifest.input_wh == (64, 64)
    assert manifest.parity.images == 4
    assert (manifest.parity.decision_flips, manifest.parity.unmatched_runtime) == (0, 0)
    assert manifest.reduced_decoding == ()
    assert manifest.recipe["tiles"]["slice"] == 64
    assert done.sealed.evaluation.images == 4
    for probe in done.sealed.bundle.probes:
        assert probe.image.shape[1] <= 2 * 64 - 16
