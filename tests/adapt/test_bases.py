from __future__ import annotations

import builtins
import json
import os
import pickle
import zipfile
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineproof.adapt import bases
from lineproof.adapt.bases import SCRATCH, find_base, start_from, transfer
from lineproof.adapt.checkpoint import read_checkpoint
from lineproof.adapt.network import Architecture, build_network, class_width, read_safetensors, save_network
from lineproof.errors import WeightsError

NANO = Architecture("yolov8", "n", "detect")
EIGHTY = tuple(f"thing {i}" for i in range(80))


@pytest.fixture(scope="session")
def base_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of 80 classes with random weights, in half precision."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("base") / "yolov8n-coco.safetensors"
    save_network(path, build_network(NANO, EIGHTY), NANO, {"licence": "AGPL-3.0"}, half=True)
    return path


@pytest.fixture(scope="session")
def checkpoint_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same kind of network as ultralytics saves it."""
    torch.manual_seed(2)
    path = tmp_path_factory.mktemp("base") / "yolov8n.pt"
    torch.save({"model": build_network(NANO, EIGHTY), "ema": None, "license": "AGPL-3.0 (…)"}, path)
    return path


def test_architectures_are_parsed_from_their_names():
    assert Architecture.parse("yolov8n") == NANO
    assert Architecture.parse("yolo11x-seg.yaml") == Architecture("yolo11", "x", "segment")
    assert Architecture.parse("yolov8z") is None
    assert NANO.for_task("segment").name == "yolov8n-seg"


def test_a_network_survives_writing_and_reading(tmp_path: Path):
    network = build_network(NANO, ("dent", "größe"), class_width=80)
    save_network(tmp_path / "a.safetensors", network, NANO, {"licence": "x"})
    weights = read_safetensors(tmp_path / "a.safetensors")
    again = weights.network()
    assert weights.classes == ("dent", "größe")
    assert class_width(weights.state) == 80
    assert again.names == {0: "dent", 1: "größe"}
    for key, tensor in network.state_dict().items():
        torch.testing.assert_close(again.state_dict()[key], tensor, rtol=0, atol=0)


def test_all_but_the_class_layer_comes_over(base_file: Path):
    said: list[str] = []
    start = start_from(str(base_file), "detect", ("dent", "crack"), say=said.append)
    weights = read_safetensors(base_file)
    own = start.network.state_dict()
    strangers = [k for k in own if not torch.equal(own[k].float(), weights.state[k].float())]
    assert {k.split(".cv3.")[1].split(".", 1)[1] for k in strangers} <= {"2.weight", "2.bias"}
    assert said == [f"base {base_file} (yolov8n-coco.safetensors): 349 of 355 tensors transferred"]
    assert start.base is not None
    assert start.base.transferred == "349 of 355"


def test_as_many_other_classes_do_not_inherit_the_class_layer(base_file: Path):
    weights = read_safetensors(base_file)
    others = build_network(NANO, tuple(f"other {i}" for i in range(80)))
    same = build_network(NANO, EIGHTY)
    assert transfer(weights, others) == (349, 355)
    assert transfer(weights, same) == (355, 355)


def test_a_detection_base_may_initialise_a_segmentation_network(base_file: Path):
    start = start_from(str(base_file), "segment", ("dent",))
    assert start.architecture.name == "yolov8n-seg"
    moved, total = map(int, start.base.transferred.split(" of "))
    assert 340 < moved < total == 417


def test_a_checkpoint_of_ultralytics_is_read(checkpoint_file: Path):
    weights = read_checkpoint(checkpoint_file)
    assert (weights.architecture, weights.classes) == (NANO, EIGHTY)
    assert start_from(str(checkpoint_file), "detect", ("dent",)).base.transferred == "349 of 355"


def test_from_scratch_the_weights_follow_the_seed():
    one, same, other = (start_from(SCRATCH, "detect", ("dent",), seed=s).network.state_dict() for s in (1, 1, 2))
    assert torch.equal(one["model.0.conv.weight"], same["model.0.conv.weight"])
    assert not torch.equal(one["model.0.conv.weight"], other["model.0.conv.weight"])


# Where bases are looked for


def test_names_are_looked_for_in_the_folder_told(base_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    told = tmp_path / "told"
    told.mkdir()
    monkeypatch.setenv("LINEPROOF_WEIGHTS", str(told))
    with pytest.raises(WeightsError, match=r"base yolov8n not found"):
        find_base("yolov8n", "detect")
    for name in ("yolov8n-coco.safetensors", "yolov8n.safetensors"):
        (told / name).write_bytes(base_file.read_bytes())
        assert find_base("yolov8n", "detect").path == told / name


def test_the_users_cache_comes_after_the_folder_told(base_file: Path, monkeypatch: pytest.MonkeyPatch):
    cache = Path(os.environ["LINEPROOF_CACHE"]) / "weights"
    cache.mkdir(parents=True)
    (cache / "yolov8n.safetensors").write_bytes(base_file.read_bytes())
    assert find_base("yolov8n", "detect").path.parent == cache
    monkeypatch.setenv("LINEPROOF_WEIGHTS", str(base_file.parent))
    assert find_base("yolov8n", "detect").path == base_file


def test_the_tasks_own_head_is_preferred(base_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LINEPROOF_WEIGHTS", str(tmp_path))
    (tmp_path / "yolov8n.safetensors").write_bytes(base_file.read_bytes())
    assert find_base("yolov8n", "segment").path.name == "yolov8n.safetensors"
    seg = NANO.for_task("segment")
    save_network(tmp_path / "yolov8n-seg.safetensors", build_network(seg, ("a",)), seg, {})
    assert find_base("yolov8n", "segment").path.name == "yolov8n-seg.safetensors"
    assert find_base("yolov8n-seg", "detect").path.name == "yolov8n.safetensors"


def test_one_error_lists_the_places_tried_and_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LINEPROOF_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError) as caught:
        find_base("yolov8s", "detect")
    text = str(caught.value)
    for place in (str(tmp_path), os.environ["LINEPROOF_CACHE"], str(bases.OWN_FOLDER), "LINEPROOF_OFFLINE is set"):
        assert place in text
    assert "set LINEPROOF_WEIGHTS to it" in text
    assert "\n" not in text


def test_a_download_that_fails_is_one_of_the_places(monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []

    def offline(target: Path, **_: object) -> None:
        asked.append(target.name)
        raise ConnectionError("no route to host")

    monkeypatch.delenv("LINEPROOF_OFFLINE")
    monkeypatch.setattr(bases, "attempt_download_asset", offline)
    with pytest.raises(WeightsError, match="ultralytics' releases: no route to host"):
        find_base("yolov8m", "segment")
    assert asked == ["yolov8m-seg.pt"]
    assert os.environ["YOLO_OFFLINE"] == "1"


def test_auto_takes_what_is_at_hand_and_never_downloads(base_file: Path, monkeypatch: pytest.MonkeyPatch):
    def never(*_: object, **__: object) -> None:
        pytest.fail("asked the network")

    monkeypatch.delenv("LINEPROOF_OFFLINE")
    monkeypatch.setattr(bases, "attempt_download_asset", never)
    monkeypatch.setattr(bases, "OWN_FOLDER", base_file.parent / "nothing")
    with pytest.raises(WeightsError, match="base lineproof-n not found"):
        start_from("auto", "detect", ("dent",))
    monkeypatch.setenv("LINEPROOF_WEIGHTS", str(base_file.parent))
    assert start_from("auto", "detect", ("dent",)).base.name == "yolov8n"


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("resnet50", r"no base 'resnet50' – bases are auto, lineproof-n, yolov8n"),
        ("missing.pt", r"missing\.pt: no such file"),
        ("missing.safetensors", r"missing\.safetensors: no such file"),
    ],
)
def test_a_base_that_is_none_is_one_clear_line(base: str, words: str):
    with pytest.raises(WeightsError, match=words):
        find_base(base, "detect")


# Hostile and damaged files


class _Call:
    """A pickle that calls what it likes."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call


def hostile(canary: Path) -> list[object]:
    write = f"__import__('pathlib').Path({str(canary)!r}).touch()"
    return [
        _Call(os.system, f"touch {canary}"),
        _Call(builtins.eval, write),
        _Call(builtins.exec, write),
        {"model": _Call(builtins.eval, write)},
        {"ema": None, "model": [_Call(os.system, f"touch {canary}")]},
        _Call(pickle.loads, pickle.dumps(_Call(builtins.eval, write))),
        _Call(Path.touch, canary),
    ]


@pytest.mark.parametrize("which", range(7))
@pytest.mark.parametrize("form", ["torch", "legacy torch", "bare pickle"])
def test_a_hostile_checkpoint_executes_nothing(which: int, form: str, tmp_path: Path):
    canary, file = tmp_path / "canary", tmp_path / "base.pt"
    content = hostile(canary)[which]
    if form == "bare pickle":
        file.write_bytes(pickle.dumps(content, protocol=2))
    else:
        torch.save(content, file, _use_new_zipfile_serialization=form == "torch")
    with pytest.raises(WeightsError, match=r"base\.pt: (refused|holds no)"):
        read_checkpoint(file)
    assert not canary.exists()


def test_the_canary_of_the_hostile_files_would_sing(tmp_path: Path):
    """Without safe loading they do execute: the test above can fail."""
    canary = tmp_path / "canary"
    pickle.loads(pickle.dumps(hostile(canary)[1]))
    assert canary.exists()


@pytest.mark.parametrize("data", [b"", b"x", b"PK\x03\x04 not a zip", b"\x80\x02.", b"\x89PNG\r\n\x1a\n"])
@pytest.mark.parametrize("name", ["base.pt", "base.safetensors"])
def test_junk_is_refused_in_one_line(data: bytes, name: str, tmp_path: Path):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(WeightsError, match=name.replace(".", r"\.")) as caught:
        find_base(str(tmp_path / name), "detect")
    assert "\n" not in str(caught.value)


def test_a_truncated_checkpoint_is_refused(checkpoint_file: Path, tmp_path: Path):
    (tmp_path / "half.pt").write_bytes(checkpoint_file.read_bytes()[:100_000])
    with pytest.raises(WeightsError, match=r"half\.pt"):
        read_checkpoint(tmp_path / "half.pt")


def test_a_zip_that_is_no_checkpoint_is_refused(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(WeightsError, match=r"a\.pt"):
        read_checkpoint(tmp_path / "a.pt")


@given(st.binary(max_size=200))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_make_the_safetensors_reader_raise_anything_else(tmp_path: Path, data: bytes):
    path = tmp_path / "fuzz.safetensors"
    path.write_bytes(data)
    with pytest.raises(WeightsError):
        read_safetensors(path)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        (None, "names no known network"),
        ({"model_yaml": "evil.yaml"}, "names no known network"),
        ({"model_yaml": "yolov8n.yaml"}, "no class names"),
        ({"model_yaml": "yolov8n.yaml", "names": json.dumps({"0": "a", "2": "b"})}, "no class names"),
    ],
)
def test_safetensors_must_say_what_they_are(metadata: dict[str, str] | None, words: str, tmp_path: Path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors.torch.save({"x": torch.zeros(1)}, metadata))
    with pytest.raises(WeightsError, match=words):
        read_safetensors(path)


def test_weights_of_another_shape_are_refused(tmp_path: Path):
    small = Architecture("yolov8", "s", "detect")
    save_network(tmp_path / "a.safetensors", build_network(small, ("a",)), NANO, {})
    with pytest.raises(WeightsError, match=r"not a yolov8n"):
        read_safetensors(tmp_path / "a.safetensors").network()


@pytest.mark.shared
def test_the_real_bases_are_found_by_name(shared_root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LINEPROOF_WEIGHTS", str(shared_root / "weights"))
    assert start_from("yolov8n", "detect", ("a", "b")).base.transferred == "349 of 355"
    assert start_from("yolov8n", "segment", ("a",)).base.transferred == "411 of 417"
    from_pickle = read_checkpoint(shared_root / "weights" / "yolov8n-coco.pt")
    assert from_pickle.sha256 == "91b9cde2f09e6c0825844bb69c3b602f6f6d0fd96b297f7ffd4a989ef0483703"
    plain = read_safetensors(shared_root / "weights" / "yolov8n-coco.safetensors")
    assert from_pickle.classes == plain.classes
    assert all(torch.equal(from_pickle.state[k], plain.state[k]) for k in plain.state)


@pytest.mark.shared
def test_yolo11_is_a_base_too(shared_root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LINEPROOF_WEIGHTS", str(shared_root / "weights"))
    start = start_from("yolo11n", "detect", ("a", "b"))
    moved, total = map(int, start.base.transferred.split(" of "))
    assert total - moved == 6
