from __future__ import annotations

from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import numpy_helper
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from lineproof.adapt.export import OPSET, Exported, check_export, export_onnx
from lineproof.engine.head import head_of
from lineproof.errors import GateError, InputError
from untrained_networks import CLASSES, blobs, one_torch_thread, restless_network

pytestmark = pytest.mark.train


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with one_torch_thread():
        yield


WIDTH, HEIGHT = 128, 96
CELLS = (WIDTH // 8) * (HEIGHT // 8) + (WIDTH // 16) * (HEIGHT // 16) + (WIDTH // 32) * (HEIGHT // 32)


@pytest.fixture(scope="module", params=["detect", "segment"])
def network(request):
    return request.param, restless_network(request.param)


@pytest.fixture(scope="module", params=["static", "dynamic", "rows", "mono"])
def exported(request, network) -> tuple[str, torch.nn.Module, Exported]:
    task, model = network
    wish = {"static": {}, "dynamic": {"dynamic": True}, "rows": {"outputs": "rows"}, "mono": {"channels": 1}}
    return task, model, export_onnx(model, (WIDTH, HEIGHT), **wish[request.param])


def run(exported: Exported, image: np.ndarray) -> dict[str, np.ndarray]:
    """Decoded boxes `(A, 4)` and scores `(A, classes)` of one image, cell by cell, whichever the form."""
    session = ort.InferenceSession(exported.onnx, providers=["CPUExecutionProvider"])
    spec = exported.spec(0.0)
    batch = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[None, ..., None] if exported.channels == 1 else image[None]
    outputs = dict(zip(spec.output_names, session.run(list(spec.output_names), {"image": batch}), strict=True))
    found = head_of(outputs, spec, 0).candidates()
    by_class = np.lexsort((found.class_id, found.anchor))
    boxes = found.xyxy[by_class].reshape(-1, len(CLASSES), 4)[:, 0]
    scores = found.score[by_class].reshape(-1, len(CLASSES))
    if exported.outputs == "rows":
        return sorted_by_place(boxes, scores)
    return {"boxes": boxes, "scores": scores}


def sorted_by_place(boxes: np.ndarray, scores: np.ndarray) -> dict[str, np.ndarray]:
    order = np.lexsort(np.round(boxes, 1).T)
    return {"boxes": boxes[order], "scores": scores[order]}


def trained(model: torch.nn.Module, image: np.ndarray, exported: Exported) -> dict[str, np.ndarray]:
    """The network's own decoded outputs."""
    if exported.channels == 1:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    batch = torch.from_numpy(image[..., ::-1].transpose(2, 0, 1).copy())[None].float() / 255
    with torch.no_grad():
        decoded = model(batch)[0]
    rows = (decoded[0] if exported.task == "segment" else decoded)[0].T.numpy()
    centre, half = rows[:, :2], rows[:, 2:4] / 2
    boxes, scores = np.concatenate([centre - half, centre + half], 1), rows[:, 4 : 4 + len(CLASSES)]
    return sorted_by_place(boxes, scores) if exported.outputs == "rows" else {"boxes": boxes, "scores": scores}


def test_what_goes_in_and_comes_out(exported):
    task, _, result = exported
    model = onnx.load_from_string(result.onnx)
    sizes = lambda value: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]  # noqa: E731
    (image,) = model.graph.input
    assert image.name == "image"
    assert image.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert tuple(value.name for value in model.graph.output) == result.spec(0.5).output_names
    assert [entry.version for entry in model.opset_import if entry.domain == ""] == [OPSET]
    wanted = ["height", "width"] if result.dynamic else [HEIGHT, WIDTH]
    assert sizes(image) == ["batch", *wanted, result.channels]
    if result.outputs == "rows":
        assert [sizes(value) for value in model.graph.output][:2] == [["batch", CELLS, 4], ["batch", CELLS, 3]]
    elif not result.dynamic:
        assert sizes(model.graph.output[0]) == ["batch", 64, HEIGHT // 8, WIDTH // 8]
    assert (result.task, result.classes, result.input_wh) == (task, CLASSES, (WIDTH, HEIGHT))


def test_the_graph_says_what_the_network_says(exported):
    _, model, result = exported
    image = blobs(3, WIDTH, HEIGHT)
    ours, theirs = run(result, image), trained(model, image, result)
    np.testing.assert_allclose(ours["boxes"], theirs["boxes"], atol=0.02)  # pixels; random weights amplify rounding
    np.testing.assert_allclose(ours["scores"], theirs["scores"], atol=5e-4)
    assert ours["scores"].max() > 0.5  # the network is not asleep


def test_masks_come_from_the_same_prototypes(network):
    task, model = network
    if task != "segment":
        pytest.skip("boxes only")
    image = blobs(3, WIDTH, HEIGHT)
    batch = torch.from_numpy(image[..., ::-1].transpose(2, 0, 1).copy())[None].float() / 255
    with torch.no_grad():
        prediction, prototypes = model(batch)[0]
    result = export_onnx(model, (WIDTH, HEIGHT))
    names = result.spec(0.5).output_names
    session = ort.InferenceSession(result.onnx, providers=["CPUExecutionProvider"])
    outputs = dict(zip(names, session.run(list(names), {"image": image[None]}), strict=True))
    np.testing.assert_allclose(outputs["prototypes"], prototypes.numpy(), rtol=1e-3, atol=1e-2)
    ours = head_of(outputs, result.spec(0.5), 0).coefficients(np.arange(CELLS))
    np.testing.assert_allclose(ours, prediction[0, 4 + len(CLASSES) :].T.numpy(), rtol=1e-3, atol=1e-2)


def test_only_a_dynamic_graph_takes_other_sizes(exported):
    _, model, result = exported
    for width, height in ((32, 32), (64, 160), (256, 32)):
        image = blobs(4, width, height)
        if not result.dynamic:
            with pytest.raises(InvalidArgument, match="invalid dimensions"):
                run(result, image)
            continue
        ours, theirs = run(result, image), trained(model, image, result)
        np.testing.assert_allclose(ours["boxes"], theirs["boxes"], atol=0.02)
        np.testing.assert_allclose(ours["scores"], theirs["scores"], atol=5e-4)


def test_everything_that_can_be_folded_is(exported):
    _, _, result = exported
    count = Counter(node.op_type for node in onnx.load_from_string(result.onnx).graph.node)
    assert count["BatchNormalization"] == count["Identity"] == count["Constant"] == count["Div"] == 0
    assert count["Cast"] == 1
    if result.outputs == "maps":
        assert count["Split"] == count["Softmax"] == count["Shape"] == count["Reshape"] == 0


def test_no_constant_is_wider_than_tensorrt_can_hold(exported):
    _, _, result = exported
    model = onnx.load_from_string(result.onnx)
    wide = numpy_helper.from_array(np.array([2**33], np.int64), "too wide")
    model.graph.initializer.append(wide)
    with pytest.raises(GateError, match="constant too wide does not fit into 32 bits"):
        check_export(replace(result, onnx=model.SerializeToString()))


def test_nothing_lies_outside_the_file(exported):
    _, _, result = exported
    model = onnx.ModelProto.FromString(result.onnx)
    assert all(not tensor.external_data and tensor.data_location == 0 for tensor in model.graph.initializer)


def test_the_network_is_left_as_it_was(network):
    _, model = network
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    export_onnx(model, (64, 64))
    assert model.training
    model.eval()
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


@pytest.mark.parametrize("input_wh", [(100, 64), (64, 0), (64, -32)])
def test_sides_must_be_whole_strides(network, input_wh):
    with pytest.raises(InputError, match="multiples of 32"):
        export_onnx(network[1], input_wh)


def test_a_head_the_engine_cannot_read_is_refused_by_name():
    from ultralytics.nn.tasks import PoseModel

    with pytest.raises(InputError, match="a network with a Pose head cannot be exported"):
        export_onnx(PoseModel("yolov8n-pose.yaml", nc=1, verbose=False), (64, 64))


def test_an_end_to_end_head_is_refused():
    from ultralytics.nn.tasks import DetectionModel

    with pytest.raises(InputError, match="cannot be exported"):
        export_onnx(DetectionModel("yolov10n.yaml", nc=2, verbose=False), (64, 64))


def test_rows_of_dynamic_size_are_refused(network):
    with pytest.raises(InputError, match="rows need a fixed input size"):
        export_onnx(network[1], (64, 64), dynamic=True, outputs="rows")
