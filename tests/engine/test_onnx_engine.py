from __future__ import annotations

import threading

import numpy as np
import onnx
import pytest
from onnx import helper

from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.errors import EngineError
from tiny_bundle import SIZE, part, tiny_bundle, tiny_engine, tiny_model, tiny_spec

BLUE, RED = (255, 0, 0), (0, 0, 255)


def named(found, engine):
    return [
        (engine.classes[c], np.round(box).tolist()) for c, box in zip(found.class_id, found.xyxy.tolist(), strict=True)
    ]


def test_blue_is_blue_and_red_is_red():
    engine = tiny_engine()
    found, _ = engine.detect(part((1, 2, BLUE), (3, 0, RED)))
    assert sorted(named(found, engine)) == [("blue", [16, 32, 32, 48]), ("red", [48, 0, 64, 16])]
    assert found.score.tolist() == [1.0, 1.0]
    assert found.masks is None


def test_both_classes_of_one_box_are_reported():
    engine = tiny_engine()
    found, _ = engine.detect(part((0, 0, (200, 0, 255))))
    assert sorted(named(found, engine)) == [("blue", [0, 0, 16, 16]), ("red", [0, 0, 16, 16])]


def test_a_good_part_gives_an_empty_column_not_none():
    found, times = tiny_engine().detect(part())
    assert found.xyxy.shape == (0, 4)
    assert times.infer > 0


def test_boxes_come_back_in_frame_pixels():
    image = np.zeros((128, 256, 3), np.uint8)
    image[64:128, 64:128] = RED  # on the input: x 16..32, y 32..48
    found, _ = tiny_engine().detect(image)
    assert np.round(found.xyxy, 3).tolist() == [[64, 64, 128, 128]]


def test_masks_come_back_at_frame_resolution():
    image = np.zeros((128, 128, 3), np.uint8)
    image[32:64, 32:64] = RED
    image[32:64, 32:48] = (0, 255, 255)  # left half of the box is green too
    found, _ = tiny_engine("segment").detect(image)
    assert named(found, tiny_engine("segment")) == [("red", [32, 32, 64, 64])]
    assert found.masks is not None
    (mask,) = found.masks
    assert mask.bitmap.shape == (32, 32)
    assert abs(mask.area_px - 512) <= 64  # within a quarter-resolution cell of the edge


def test_an_empty_segmentation_has_an_empty_tuple_of_masks():
    found, _ = tiny_engine("segment").detect(part())
    assert found.masks == ()


def test_threads_do_not_disturb_each_other():
    engine = tiny_engine()
    images = [part((n % 4, n // 4, RED)) for n in range(16)]
    expected = [engine.detect(image)[0].xyxy.tolist() for image in images]
    wrong: list[int] = []

    def look(n: int) -> None:
        answers = [engine.detect(images[n])[0].xyxy.tolist() for _ in range(20)]
        wrong.extend(n for answer in answers if answer != expected[n])

    threads = [threading.Thread(target=look, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_thread_that_hangs_in_a_run_does_not_hold_up_another(monkeypatch):
    engine = tiny_engine()
    inner, release, hanging = engine._session, threading.Event(), threading.Event()

    class Stuck:
        def run(self, images: np.ndarray):
            if threading.current_thread() is thread:
                hanging.set()
                release.wait(30)
            return inner.run(images)

    monkeypatch.setattr(engine, "_session", Stuck())
    thread = threading.Thread(target=engine.detect, args=(part(),))
    thread.start()
    assert hanging.wait(30)
    assert len(engine.detect(part((0, 0, RED)))[0]) == 1
    release.set()
    thread.join(30)


def test_scores_that_are_none_are_an_error_not_a_good_part():
    for gain in (float("nan"), 1.0):
        with pytest.raises(EngineError, match="scores"):
            OnnxEngine.from_model(tiny_model(gain=gain), tiny_spec(), "cpu").detect(part((0, 0, BLUE)))


def test_losing_detections_that_could_reject_is_an_error():
    crowded = part(*((n % 4, n // 4, (255, 0, 255)) for n in range(16)))
    with pytest.raises(EngineError, match="more than 5 detections"):
        tiny_engine(max_detections=5, decisive_score=0.6).detect(crowded)
    found, _ = tiny_engine(max_detections=5, decisive_score=1.1).detect(crowded)
    assert len(found) == 5
    assert len(tiny_engine(max_detections=32, decisive_score=0.6).detect(crowded)[0]) == 32


@pytest.mark.parametrize(
    "image", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32), np.zeros((0, 8, 3), np.uint8)]
)
def test_what_is_no_image_is_refused_with_what_was_expected(image):
    with pytest.raises(EngineError, match=r"expected an image \(H, W, 3\) uint8"):
        tiny_engine().detect(image)


@pytest.mark.parametrize(
    ("model", "spec", "says"),
    [
        (tiny_model(names=("box", "scores")), tiny_spec(), "expected outputs boxes, scores"),
        (tiny_model(), tiny_spec("segment"), "expected outputs boxes, scores, coefficients"),
        (tiny_model("segment"), tiny_spec(), "expected outputs boxes, scores, got"),
        (
            tiny_model(),
            tiny_spec(classes=("a", "b", "c")),
            r"expected scores of shape \(None, 16, 3\), got \(.*, 16, 2\)",
        ),
        (tiny_model(), tiny_spec(input_wh=(96, 64)), r"expected an input of shape \(None, 64, 96, 3\)"),
        (tiny_model(), tiny_spec(dynamic=True), r"expected an input of shape \(None, None, None, 3\)"),
        (b"", tiny_spec(), "no graph"),
        (b"not a model at all", tiny_spec(), "model.onnx"),
    ],
)
def test_a_model_that_is_not_what_the_manifest_says_is_refused_at_once(model, spec, says):
    with pytest.raises(EngineError, match=says):
        OnnxEngine.from_model(model, spec, "cpu")


def test_float_input_is_refused():
    model = onnx.load_from_string(tiny_model())
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    with pytest.raises(EngineError, match="expected one input image: uint8, got image: float32"):
        OnnxEngine.from_model(model.SerializeToString(), tiny_spec(), "cpu")


def test_outputs_of_another_shape_than_declared_are_an_error():
    model = onnx.load_from_string(tiny_model())
    model.graph.node.append(helper.make_node("Transpose", ["scores"], ["turned"], perm=[0, 2, 1]))
    model.graph.output[1].name = "turned"
    for node in model.graph.node:
        node.output[:] = [
            "kept" if name == "scores" else "scores" if name == "turned" else name for name in node.output
        ]
        node.input[:] = ["kept" if name == "scores" else name for name in node.input]
    model.graph.output[1].name = "scores"
    with pytest.raises(EngineError):
        OnnxEngine.from_model(model.SerializeToString(), tiny_spec(), "cpu")


def test_a_run_that_fails_is_an_engine_error(monkeypatch):
    engine = tiny_engine()

    class Broken:
        def run_with_iobinding(self, *_: object) -> None:
            raise RuntimeError("CUDA error 700\nand a long story")

    engine.detect(part())  # its buffers are bound
    monkeypatch.setattr(engine._session, "_session", Broken())
    with pytest.raises(EngineError, match=r"the run failed: CUDA error 700$"):
        engine.detect(part())


def test_outputs_of_another_batch_are_refused_even_if_that_batch_was_seen_before(monkeypatch):
    engine = OnnxEngine.from_model(tiny_model(), tiny_spec(), "cpu", threads=1, max_batch=2)
    engine.detect_many([part(), part()])
    two = engine._session.run(np.zeros((2, SIZE, SIZE, 3), np.uint8))
    monkeypatch.setattr(engine._session, "run", lambda _: two)
    with pytest.raises(EngineError, match="expected"):
        engine.detect(part())


def test_what_was_found_outlives_the_next_run():
    engine = tiny_engine()
    found = engine.detect(part())[0]
    before = found.xyxy.copy(), found.score.copy()
    engine.detect(np.zeros_like(part()))
    assert np.array_equal(before[0], found.xyxy)
    assert np.array_equal(before[1], found.score)


def test_open_takes_everything_from_the_bundle(tmp_path):
    bundle = tiny_bundle(tmp_path / "b", "segment")
    engine = OnnxEngine.open(bundle, "cpu", threads=1)
    assert (engine.classes, engine.input_wh, engine.provider) == (("blue", "red"), (64, 64), "CPUExecutionProvider")
    assert engine.spec.decisive_score == 0.6
    assert OnnxEngine.open(bundle, "cpu", decisive_score=0.5).spec.decisive_score == 0.5


def test_many_images_in_one_run_are_what_they_are_alone():
    engine = OnnxEngine.from_model(tiny_model("segment"), tiny_spec("segment"), "cpu", threads=1, max_batch=3)
    images = [part((n % 4, n // 4, (0, 255, 255)), size=SIZE + 64 * (n % 2)) for n in range(7)]
    together = engine.detect_many(images)
    assert [found.xyxy.tolist() for found, _ in together] == [engine.detect(i)[0].xyxy.tolist() for i in images]
    assert [[m.area_px for m in found.masks] for found, _ in together] == [
        [m.area_px for m in engine.detect(i)[0].masks] for i in images
    ]


def test_rows_that_the_graph_cut_are_missed_out_loud():
    crowded = part(*((n % 4, n // 4, (255, 0, 255)) for n in range(16)))
    # A coarser grid than it has: the sixteen rows would be a choice among 64 cells.
    chosen = tiny_spec(strides=(8,), decisive_score=0.6)
    with pytest.raises(EngineError, match=r"more than 16 boxes with a score of 0\.6"):
        OnnxEngine.from_model(tiny_model(), chosen, "cpu", threads=1).detect(crowded)
    assert len(OnnxEngine.from_model(tiny_model(), chosen, "cpu", threads=1).detect(part())[0]) == 0


def test_a_mono_model_sees_luminance_only():
    assert tiny_spec(channels=1).channels == 1
    with pytest.raises(EngineError, match=r"expected an input of shape \(None, 64, 64, 1\)"):
        OnnxEngine.from_model(tiny_model(), tiny_spec(channels=1), "cpu", threads=1)
