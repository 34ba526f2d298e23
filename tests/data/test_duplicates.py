from pathlib import Path

import cv2
import numpy as np
import pytest

from drawn_dataset import dataset, expose, parts, sample, save, texture
from lineproof.data import duplicates as module
from lineproof.data.duplicates import DuplicateFinder, Kind, find_duplicates
from lineproof.errors import DatasetError


def finder_of(pictures, **options):
    finder = DuplicateFinder([name for name, _ in pictures], [(p.shape[1], p.shape[0]) for _, p in pictures], **options)
    for row, (_, picture) in enumerate(pictures):
        finder.add(row, f"file {row}".encode(), picture)
    return finder.result()


def test_shots_of_a_part_are_one_cluster_and_parts_are_apart(tmp_path: Path):
    data = dataset(tmp_path, parts(tmp_path, 6, shots=3))
    found = find_duplicates(data)
    assert sorted(found.clusters) == [tuple(f"part{p:02d}_{s}.png" for s in range(3)) for p in range(6)]
    assert found.scenes == ()
    assert len(set(found.groups().values())) == 6
    assert found.groups()["part03_2.png"] == "part03_0.png"


def test_identical_files_and_identical_pixels_are_told_apart(tmp_path: Path):
    picture = texture(1)
    first = save(tmp_path / "a.png", picture)
    same_file = tmp_path / "b.png"
    same_file.write_bytes(first.read_bytes())
    same_pixels = save(tmp_path / "c.bmp", picture)
    other = save(tmp_path / "d.png", texture(2))
    found = find_duplicates(dataset(tmp_path, [sample(p) for p in (first, same_file, same_pixels, other)]))
    kinds = {(pair.a, pair.b): pair.kind for pair in found.pairs}
    assert kinds[("a.png", "b.png")] is Kind.FILE
    assert kinds[("b.png", "c.bmp")] is Kind.PIXELS
    assert found.clusters == (("a.png", "b.png", "c.bmp"),)


def test_flat_copies_are_found_by_their_pixels(tmp_path: Path):
    flat = np.full((80, 80, 3), 77, np.uint8)
    found = find_duplicates(dataset(tmp_path, [sample(save(tmp_path / f"{n}.png", flat)) for n in "ab"]))
    assert found.clusters == (("a.png", "b.png"),)


def test_a_pair_says_how_it_is_the_same():
    strip = texture(9, (400, 120))
    found = finder_of([("a", strip[:, :160]), ("b", strip[:, 80:240]), ("c", strip[:, :160][:, ::-1])])
    told = {(pair.a, pair.b): str(pair) for pair in found.pairs}
    assert told[("a", "b")].startswith("same place, ")
    assert told[("a", "b")].endswith("% of it")
    assert told[("a", "c")] == "same frame, mirrored left-right"


def test_without_twins_only_copies_are_found():
    picture = texture(3)
    found = finder_of([("a", picture), ("b", expose(picture, 0.7)), ("c", picture.copy())], twins=False)
    assert found.clusters == (("a", "c"),)


def test_a_scene_that_every_part_shows_is_not_one_part(monkeypatch):
    """One print on all parts: not one group of everything, but real copies are still found."""
    monkeypatch.setattr(module, "SCENE_IMAGES", 8)
    rng = np.random.default_rng(0)
    printed = texture(50, (160, 120))

    def part():
        shift = rng.integers(0, 6, 2)
        return np.roll(np.clip(printed + rng.normal(0, 25, printed.shape), 0, 255).astype(np.uint8), shift, (0, 1))

    pictures = [(f"part{i}", part()) for i in range(12)]
    pictures += [("copy", expose(pictures[4][1], 0.8))] + [(f"other{i}", texture(i, (160, 120))) for i in range(8)]
    found = finder_of(pictures)
    assert [len(scene) for scene in found.scenes] == [13]
    assert found.clusters == (("part4", "copy"),)


def test_an_unreadable_image_is_named(tmp_path: Path):
    data = dataset(tmp_path, parts(tmp_path, 3))
    (data.root / "images" / "part01_0.png").write_bytes(b"not an image")
    with pytest.raises(DatasetError, match=r"part01_0\.png.*data check"):
        find_duplicates(data)


def tile_of(path: Path) -> int:
    return int(path.stem.split("_")[-1])


@pytest.mark.shared
def test_magnetic_tiles_are_grouped_by_tile(shared_root: Path):
    """Every sixth of the tiles: exposures of one tile have consecutive numbers, other tiles lie far off."""
    folder = shared_root / "data" / "magnetic-tile"
    files = sorted(folder.glob("MT_*/Imgs/*.jpg"), key=tile_of)
    # Between two tiles, the number jumps by more than 500; one tile can reappear in another folder.
    tile, tiles = -1, []
    for before, path in zip([None, *files], files, strict=False):
        tile += before is None or tile_of(path) - tile_of(before) > 500
        tiles.append(tile)
    chosen = [(path, tile) for path, tile in zip(files, tiles, strict=True) if tile % 6 == 0]
    pictures = [(str(path), cv2.imread(str(path))) for path, _ in chosen]
    found = finder_of(pictures)
    number = {str(path): tile for path, tile in chosen}
    assert len(pictures) > 100
    assert max(len(cluster) for cluster in found.clusters) <= 20
    mixed = [cluster for cluster in found.clusters if len({number[name] for name in cluster}) > 1]
    assert mixed == []
    shown_again = [name for name in number if sum(tile == number[name] for tile in number.values()) > 1]
    joined = {name for cluster in found.clusters for name in cluster}
    assert len(joined & set(shown_again)) >= 0.98 * len(shown_again)


@pytest.mark.shared
def test_known_pairs_of_neu_det_are_found(shared_root: Path):
    """Those its README names, among 80 other images of the same classes."""
    folder = shared_root / "data" / "neu-det" / "images"
    named = ["patches_101", "patches_105", "scratches_232", "scratches_247", "inclusion_188", "inclusion_210"]
    others = [f"{kind}_{i}" for kind in ("patches", "scratches", "inclusion", "crazing") for i in range(3, 300, 15)]
    names = [*named, *(name for name in others if name not in named)]
    found = finder_of([(name, cv2.imread(str(folder / f"{name}.jpg"))) for name in names])
    turns = {(pair.a, pair.b): (pair.kind, pair.turn) for pair in found.pairs}
    assert turns[("patches_101", "patches_105")][0] in (Kind.FILE, Kind.PIXELS)
    assert turns[("scratches_232", "scratches_247")] == (Kind.PLACE, "rotated by 270°")
    assert turns[("inclusion_188", "inclusion_210")] == (Kind.PLACE, "")
    assert max(len(cluster) for cluster in found.clusters) < 10
