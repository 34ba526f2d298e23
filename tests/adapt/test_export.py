from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from lineproof.adapt.export import OPSET, Exported, export_onnx
from lineproof.errors import InputError
from untrained_networks import CLASSES, blobs, one_torch_thread, restless_network

pytestmark = pytest.mark.train


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with one_torch_thread():
        yield


OUTPUTS = {"detect": ["boxes", "scores"], "segment": ["boxes", "scores", "coefficients", "prototypes"]}


@pytest.fixture(scope="module", params=["detect", "segment"])
def network(request):
    return request.param, restless_network(request.param)


@pytest.fixture(scope="module", params=[False, True], ids=["static", "dynamic"])
def exported(request, network) -> tuple[str, torch.nn.Module, Exported]:
    task, model = network
    return task, model, export_onnx(model, (128, 96), dynamic=request.param)


def run(data: bytes, image: np.ndarray) -> dict[str, np.ndarray]:
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, {"image": image[None]}), strict=True))


def trained(model: torch.nn.Module, image: np.ndarray, task: str) -> dict[str, np.ndarray]:
    """The network's own decoded outputs, in the engine's layout."""
    batch = torch.from_numpy(image[..., ::-1].transpose(2, 0, 1).copy())[None].float() / 255
    with torch.no_grad():
        decoded = model(batch)[0]
    prediction, prototypes = decoded if task == "segment" else (decoded, None)
    rows = prediction[0].T.numpy()
    centre, half = rows[:, :2], rows[:, 2:4] / 2
    outputs = {"boxes": np.concatenate([centre - half, centre + half], 1), "scores": rows[:, 4 : 4 + len(CLASSES)]}
    if prototypes is not None:
        outputs |= {"coefficients": rows[:, 4 + len(CLASSES) :], "prototypes": prototypes[0].numpy()}
    return outputs


def test_what_goes_in_and_comes_out(exported):
    task, _, result = exported
    model = onnx.load_from_string(result.onnx)
    sizes = lambda value: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]  # noqa: E731
    (image,) = model.graph.input
    assert image.name == "image"
    assert image.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [value.name for value in model.graph.output] == OUTPUTS[task]
    assert [entry.version for entry in model.opset_import if entry.domain == ""] == [OPSET]
    anchors = 16 * 12 + 8 * 6 + 4 * 3
    if result.dynamic:
        assert sizes(image) == [1, "height", "width", 3]
    else:
        assert sizes(image) == [1, 96, 128, 3]
        assert [sizes(value) for value in model.graph.output][:2] == [[anchors, 4], [anchors, len(CLASSES)]]
    assert (result.task, result.classes, result.input_wh) == (task, CLASSES, (128, 96))


def test_the_graph_says_what_the_network_says(exported):
    task, model, result = exported
    image = blobs(3, 128, 96)
    ours, theirs = run(result.onnx, image), trained(model, image, task)
    assert list(ours) == list(theirs)
    np.testing.assert_allclose(ours["boxes"], theirs["boxes"], atol=0.02)  # pixels; random weights amplify rounding
    np.testing.assert_allclose(ours["scores"], theirs["scores"], atol=5e-4)
    for name in OUTPUTS[task][2:]:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-3, atol=1e-2)
    assert ours["scores"].max() > 0.5  # the network is not asleep


def test_only_a_dynamic_graph_takes_other_sizes(exported):
    task, model, result = exported
    for width, height in ((32, 32), (64, 160), (256, 32)):
        image = blobs(4, width, height)
        if not result.dynamic:
            with pytest.raises(InvalidArgument, match="invalid dimensions"):
                run(result.onnx, image)
            continue
        ours, theirs = run(result.onnx, image), trained(model, image, task)
        np.testing.assert_allclose(ours["boxes"], theirs["boxes"], atol=0.02)
        np.testing.assert_allclose(ours["scores"], theirs["scores"], atol=5e-4)


def test_everything_that_can_be_folded_is(exported):
    _, _, result = exported
    count = Counter(node.op_type for node in onnx.load_from_string(result.onnx).graph.node)
    assert count["BatchNormalization"] == count["Identity"] == count["Constant"] == count["Div"] == 0
    assert count["Cast"] == 1
    if not result.dynamic:
        assert count["Shape"] == count["Range"] == count["Expand"] == 0


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
