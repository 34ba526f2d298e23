from pathlib import Path

import cv2
import pytest

from drawn_dataset import dataset, parts, sample, save, texture
from lineproof.data.stats import collect_stats, stats_dict, stats_text


def test_counts_sizes_and_shares(tmp_path: Path):
    pictures = [save(tmp_path / f"{i}.png", texture(i)) for i in range(4)]
    samples = [
        sample(pictures[0], (0, 0, 10, 10, 0), (50, 50, 82, 82, 1), split="train"),
        sample(pictures[1], (10, 10, 16, 16, 0), split="train"),
        sample(pictures[2], split="train"),
        sample(pictures[3], split="val"),
    ]
    stats = collect_stats(dataset(tmp_path, samples))
    facts = stats_dict(stats)
    assert facts["instances"] == 3
    assert facts["ok_images"] == 2
    assert facts["splits"]["train"]["instances"] == {"scratch": 2, "pit": 1}
    assert {name: n for name, n in facts["box_px"].items() if n} == {"4–8 px": 1, "8–16 px": 1, "32–64 px": 1}
    assert facts["area_share"]["pit"]["median"] == pytest.approx(100 * 32 * 32 / (128 * 96), rel=1e-3)
    assert facts["image_wh"]["median"] == [128, 96]
    text = stats_text(stats)
    assert "32–64 px" in text
    assert "suggested --imgsz 160" in text


def test_narrow_defects_ask_for_a_larger_image(tmp_path: Path):
    picture = save(tmp_path / "a.png", texture(0, (640, 480)))
    wide = collect_stats(dataset(tmp_path / "1", [sample(picture, (0, 0, 100, 100, 0))]))
    narrow = collect_stats(dataset(tmp_path / "2", [sample(picture, (0, 0, 100, 6, 0))]))
    hopeless = collect_stats(dataset(tmp_path / "3", [sample(picture, (0, 0, 100, 1, 0))]))
    assert wide.imgsz == 640
    assert narrow.imgsz == 864  # 8 px of 6 at 640, in steps of 32
    assert hopeless.imgsz == 1280
    assert "tiles" in stats_text(hopeless)
    assert "tiles" not in stats_text(narrow)


def test_good_parts_only(tmp_path: Path):
    stats = collect_stats(dataset(tmp_path, [sample(save(tmp_path / "a.png", texture(0)))]))
    assert stats.imgsz == 0
    assert stats_dict(stats)["suggested_imgsz"] == 0
    assert "imgsz" not in stats_text(stats)


def test_a_plot_is_drawn(tmp_path: Path):
    pytest.importorskip("matplotlib")
    from lineproof.data.plot import write_plot

    write_plot(tmp_path / "stats.png", collect_stats(dataset(tmp_path, parts(tmp_path, 4))), "four parts")
    picture = cv2.imread(str(tmp_path / "stats.png"))
    assert picture.shape[1] > 1000
    assert picture.std() > 10


def test_a_dataset_without_defects_can_be_plotted(tmp_path: Path):
    pytest.importorskip("matplotlib")
    from lineproof.data.plot import write_plot

    write_plot(
        tmp_path / "x.png", collect_stats(dataset(tmp_path, [sample(save(tmp_path / "a.png", texture(0)))])), "x"
    )
    assert (tmp_path / "x.png").is_file()
