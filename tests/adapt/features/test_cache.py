from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from lineproof.adapt.features import Backbone, open_backbone, pooled_features
from lineproof.errors import ImageError


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return open_backbone("resnet18:random", imgsz=32)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{index}.png" for index in range(5)]
    for path in paths:
        assert cv2.imwrite(str(path), rng.integers(0, 255, (20, 30, 3), dtype=np.uint8))
    return paths


class Counting:
    """Counts the images that are really computed."""

    def __init__(self, backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
        self.images = 0
        pooled = backbone.pooled

        def counted(images):
            self.images += len(images)
            return pooled(images)

        monkeypatch.setattr(backbone, "pooled", counted)


def test_features_are_computed_once(backbone, paths, tmp_path, monkeypatch):
    count, ticks = Counting(backbone, monkeypatch), []
    first = pooled_features(paths, backbone, cache=tmp_path / "cache", advance=lambda: ticks.append(1))
    again = pooled_features([*reversed(paths)], backbone, cache=tmp_path / "cache")
    np.testing.assert_array_equal(first, again[::-1])
    assert (count.images, len(ticks)) == (5, 5)
    assert len(list((tmp_path / "cache").rglob("*.f32"))) == 5


def test_content_counts_not_the_name(backbone, paths, tmp_path, monkeypatch):
    count = Counting(backbone, monkeypatch)
    pooled_features(paths, backbone, cache=tmp_path / "cache")
    paths[0].write_bytes(paths[1].read_bytes())
    changed = pooled_features(paths, backbone, cache=tmp_path / "cache")
    np.testing.assert_array_equal(changed[0], changed[1])
    assert count.images == 5


@pytest.mark.parametrize("damage", [b"", b"short", b"\0" * (32 + 4 * 896)])
def test_damaged_entry_is_computed_again(backbone, paths, tmp_path, damage):
    first = pooled_features(paths, backbone, cache=tmp_path / "cache")
    for entry in (tmp_path / "cache").rglob("*.f32"):
        entry.write_bytes(damage)
    np.testing.assert_array_equal(pooled_features(paths, backbone, cache=tmp_path / "cache"), first)


def test_another_size_or_pooling_is_another_entry(paths, tmp_path):
    kinds = [("resnet18:random", 32, "mean"), ("resnet18:random", 64, "mean"), ("resnet18:random", 32, "max")]
    for name, imgsz, pooling in kinds:
        pooled_features(paths[:1], open_backbone(name, imgsz=imgsz, pooling=pooling), cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_no_place_for_a_cache_is_no_reason_to_stop(backbone, paths, tmp_path):
    (tmp_path / "cache").write_text("a file")
    assert pooled_features(paths, backbone, cache=tmp_path / "cache").shape == (5, 896)


def test_default_place_is_the_cache_of_lineproof(backbone, paths, tmp_path, monkeypatch):
    monkeypatch.setenv("LINEPROOF_CACHE", str(tmp_path / "own"))
    pooled_features(paths[:1], backbone)
    assert len(list((tmp_path / "own" / "features").rglob("*.f32"))) == 1


def test_unreadable_image_is_named(backbone, paths, tmp_path):
    paths[2].write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"2\.png: not an image"):
        pooled_features(paths, backbone, cache=tmp_path / "cache")
    with pytest.raises(ImageError, match=r"gone\.png: cannot be read"):
        pooled_features([tmp_path / "gone.png"], backbone, cache=tmp_path / "cache")


def test_nothing_asked_nothing_given(backbone, tmp_path):
    assert pooled_features([], backbone, cache=tmp_path).shape == (0, 896)
