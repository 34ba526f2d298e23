from __future__ import annotations

import datetime as dt
from dataclasses import replace

import onnx
import pytest

from lineproof.adapt.anatomy import study
from lineproof.adapt.calibration import Range, activation_ranges
from lineproof.adapt.export import Exported, export_onnx
from lineproof.adapt.half import to_fp16
from lineproof.adapt.precision import Measured, choose
from lineproof.adapt.quantize import Layout, named, to_int8
from lineproof.bundle.precisions import PrecisionRow
from lineproof.engine.onnx_engine import OnnxEngine
from lineproof.errors import GateError, ParityError
from untrained_networks import blobs, one_torch_thread, restless_network

pytestmark = pytest.mark.train

INPUT_WH = (128, 96)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with one_torch_thread():
        yield


@pytest.fixture(scope="module", params=["detect", "segment"])
def exported(request) -> Exported:
    return export_onnx(restless_network(request.param), INPUT_WH)


@pytest.fixture(scope="module")
def ranges(exported) -> dict[str, Range]:
    return activation_ranges(exported.onnx, (blobs(seed, *INPUT_WH)[None] for seed in range(6)))


def engine(exported: Exported, model: bytes, precision: str) -> OnnxEngine:
    spec = replace(exported.spec(0.05), precision=precision)
    return OnnxEngine.from_model(model, spec, "cpu", threads=1)


def test_int8_keeps_stem_and_last_convolutions_in_float(exported, ranges):
    model = onnx.load_from_string(to_int8(exported.onnx, ranges))
    anatomy = study(named(exported.onnx))
    weights = {i.name for i in model.graph.initializer if i.data_type == onnx.TensorProto.FLOAT}
    in_float = {n.name for n in model.graph.node if n.op_type == "Conv" and n.input[1] in weights}
    convolutions = {n.name for n in named(exported.onnx).graph.node if n.op_type == "Conv"}
    assert in_float == convolutions & (anatomy.stem | anatomy.last)
    assert len(convolutions - in_float) > 40


def test_int8_is_a_quarter_as_large_and_finds_much_the_same(exported, ranges):
    small = to_int8(exported.onnx, ranges)
    assert len(small) < 0.35 * len(exported.onnx)
    image = blobs(3, *INPUT_WH)
    whole, _ = engine(exported, exported.onnx, "fp32").detect(image)
    bytes_found, _ = engine(exported, small, "int8").detect(image)
    assert abs(float(whole.score[0]) - float(bytes_found.score[0])) < 0.25  # random weights are no trained network
    assert engine(exported, small, "int8").precision == "int8"


def test_blocks_can_be_left_in_float(exported, ranges):
    block = next(iter(study(named(exported.onnx)).groups))
    layout = Layout(silu_on_bytes=False, float_blocks=(block,))
    assert len(to_int8(exported.onnx, ranges, layout)) > len(
        to_int8(exported.onnx, ranges, Layout(silu_on_bytes=False))
    )
    assert layout.describe() == f"activations in float, {block} in float"


def test_fp16_is_half_as_large_and_takes_bytes(exported, ranges):
    half = to_fp16(exported.onnx, ranges)
    assert len(half) < 0.55 * len(exported.onnx)
    model = onnx.load_from_string(half)
    assert model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert {v.type.tensor_type.elem_type for v in model.graph.output} == {onnx.TensorProto.FLOAT16}
    image = blobs(3, *INPUT_WH)
    whole, _ = engine(exported, exported.onnx, "fp32").detect(image)
    found, _ = engine(exported, half, "fp16").detect(image)
    assert abs(float(whole.score[0]) - float(found.score[0])) < 0.02


def test_a_layer_that_fp16_cannot_hold_is_refused(exported, ranges):
    hot = {**ranges, next(iter(ranges)): Range(-1, 50_000)}
    with pytest.raises(GateError, match="reaches 50000, too near"):
        to_fp16(exported.onnx, hot)


def test_calibrating_on_nothing_is_refused(exported):
    with pytest.raises(GateError, match="no images to calibrate with"):
        activation_ranges(exported.onnx, iter(()))


def measured(exported: Exported, precision: str, median_ms: float, flips: int) -> Measured:
    row = PrecisionRow(
        precision=precision,
        provider="cpu",
        threads=2,
        latency_ms=median_ms,
        latency_p99_ms=2 * median_ms,
        map50=0.7,
        map50_95=0.4,
        decision_flips=flips,
        images=100,
        machine="a machine",
        date=dt.date(2026, 11, 23),
    )
    return Measured(exported, "cpu", (row,), tuple(f"{n}.png" for n in range(flips)))


def test_auto_takes_the_fastest_that_changes_no_decision(exported):
    rows = [measured(exported, "fp32", 20, 0), measured(exported, "int8", 8, 3), measured(exported, "bf16", 11, 0)]
    assert choose(rows).rows[0].precision == "bf16"
    assert choose(rows, max_flips=3).rows[0].precision == "int8"
    assert choose(rows, latency_budget_ms=25).rows[0].precision == "bf16"


def test_nothing_within_the_budget_names_the_fastest_that_may_be_taken(exported):
    rows = [measured(exported, "fp32", 20, 0), measured(exported, "int8", 8, 3)]
    with pytest.raises(GateError, match="nothing is within 30 ms: the fastest that may be taken is fp32"):
        choose(rows, latency_budget_ms=30)


def test_decisions_that_change_are_named(exported):
    with pytest.raises(ParityError, match=r"int8 on cpu decides 3 of 100 .* allowed 0: 0\.png, 1\.png, 2\.png"):
        choose([measured(exported, "int8", 8, 3)])
