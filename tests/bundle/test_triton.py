"""A sealed bundle as a Triton model repository."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from lineproof.bundle import Bundle, ClassThreshold, InputSpec, Manifest, seal
from lineproof.bundle.onnx_ports import OnnxPort, read_ports
from lineproof.bundle.triton import model_name, write_triton_repository
from lineproof.errors import BundleError, InputError
from tiny_classifier import classifier_bundle

GOLDEN = Path(__file__).parent / "triton_config.pbtxt"


def model(batch: str | int = "batch", side: str | int = 64, element: int = TensorProto.FLOAT) -> bytes:
    """`image` in, `boxes` and `scores` out; the shapes are what counts."""
    nodes = [
        helper.make_node("Constant", [], ["boxes"], value_float=0.0),
        helper.make_node("Constant", [], ["scores"], value_float=0.0),
    ]
    graph = helper.make_graph(
        nodes,
        "shapes",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [batch, side, side, 3])],
        [
            helper.make_tensor_value_info("boxes", element, [batch, 16, 4]),
            helper.make_tensor_value_info("scores", element, [batch, 16, 2]),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def manifest(**changes: object) -> Manifest:
    facts: dict[str, object] = {
        "name": "tiles 3 – Süd",
        "task": "detect",
        "classes": ('"blue" \\ Öl', "red"),
        "input": InputSpec(width=64, height=64),
        "outputs": "rows",
        "thresholds": {
            '"blue" \\ Öl': ClassThreshold(score=0.8, review_score=0.6),
            "red": ClassThreshold(score=0.7, review_score=0.7),
        },
        "score_floor": 0.05,
        "nms_iou": 0.6,
        "max_detections": 300,
    }
    return Manifest(**{**facts, **changes})


def sealed(out: Path, onnx_bytes: bytes | None = None, **changes: object) -> Bundle:
    return seal(out, manifest(**changes), onnx_bytes or model())


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return sealed(tmp_path / "bundle")


def written(bundle: Bundle, out: Path, **wish: object) -> str:
    repository = write_triton_repository(bundle, out, **{"gpu": True, **wish})
    return (out / repository.model_name / "config.pbtxt").read_text()


def test_the_repository_holds_the_very_model_of_the_bundle(bundle, tmp_path):
    repository = write_triton_repository(bundle, tmp_path / "models", gpu=False)
    root = tmp_path / "models" / "tiles-3-S-d"
    assert repository.model_name == root.name
    assert sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()) == [
        "1/model.onnx",
        "README.md",
        "config.pbtxt",
        "labels.txt",
    ]
    assert (root / "1" / "model.onnx").read_bytes() == bundle.model
    assert (root / "labels.txt").read_text().splitlines() == ['"blue" \\ Öl', "red"]
    page = (root / "README.md").read_text()
    assert bundle.digest in page
    assert hashlib.sha256(bundle.model).hexdigest() in page
    assert "64 × 64 filled with 114" in page
    assert '| 0 | "blue" \\ Öl | 0.8 | 0.6 |' in page


def test_the_configuration_is_the_golden_one(bundle, tmp_path):
    text = written(bundle, tmp_path / "models", instances=2, tensorrt=True)
    text = text.replace(bundle.digest[:12], "D" * 12).replace("D" * 12 + bundle.digest[12:], "DIGEST")
    assert text.replace(hashlib.sha256(bundle.model).hexdigest(), "MODEL") == GOLDEN.read_text()


def test_the_configuration_is_a_model_config_message(bundle, tmp_path):
    schema = pytest.importorskip("tritonclient.grpc.model_config_pb2", reason="needs tritonclient[grpc]")
    text_format = pytest.importorskip("google.protobuf.text_format")
    config = text_format.Parse(written(bundle, tmp_path / "models", tensorrt=True), schema.ModelConfig())
    assert (config.backend, config.max_batch_size, config.HasField("dynamic_batching")) == ("onnxruntime", 8, True)
    assert [(port.name, port.data_type, list(port.dims)) for port in config.input] == [
        ("image", schema.TYPE_UINT8, [64, 64, 3])
    ]
    assert [(port.name, list(port.dims)) for port in config.output] == [("boxes", [16, 4]), ("scores", [16, 2])]
    assert config.parameters["lineproof.digest"].string_value == bundle.digest
    assert '"\\"blue\\" \\\\ Öl"' in config.parameters["lineproof.classes"].string_value
    assert [warm.batch_size for warm in config.model_warmup] == [1, 8]
    accelerator = config.optimization.execution_accelerators.gpu_execution_accelerator[0]
    assert accelerator.parameters["trt_profile_max_shapes"] == "image:8x64x64x3"


def test_a_graph_for_one_image_is_not_batched(tmp_path):
    bundle = sealed(tmp_path / "bundle", model(batch=1))
    text = written(bundle, tmp_path / "models")
    assert "max_batch_size: 0\n" in text
    assert "dims: [ 1, 64, 64, 3 ]" in text
    assert "dims: [ 1, 16, 4 ]" in text
    assert "dynamic_batching" not in text


def test_a_dynamic_input_is_open_in_the_dims_and_whole_in_the_warm_up(tmp_path):
    spec = InputSpec(width=96, height=64, dynamic=True)
    bundle = sealed(tmp_path / "bundle", model(side="side"), input=spec)
    text = written(bundle, tmp_path / "models", tensorrt=True)
    assert "dims: [ -1, -1, 3 ]" in text
    assert "dims: [ 64, 96, 3 ]" in text
    assert '"trt_profile_min_shapes" value: "image:1x32x32x3"' in text
    assert '"trt_profile_max_shapes" value: "image:8x64x96x3"' in text


def test_half_precision_reaches_dtypes_and_tensorrt(tmp_path):
    bundle = sealed(tmp_path / "bundle", model(element=TensorProto.FLOAT16), precision="fp16")
    text = written(bundle, tmp_path / "models", tensorrt=True)
    assert text.count("data_type: TYPE_FP16") == 2
    assert 'key: "precision_mode" value: "FP16"' in text


def test_batches_of_one_need_no_batcher(bundle, tmp_path):
    text = written(bundle, tmp_path / "models", max_batch=1, gpu=False)
    assert "max_batch_size: 1\n" in text
    assert "dynamic_batching" not in text
    assert "KIND_CPU" in text


def test_what_is_there_is_never_replaced(bundle, tmp_path):
    (tmp_path / "models").mkdir()
    with pytest.raises(BundleError, match="already exists"):
        write_triton_repository(bundle, tmp_path / "models", gpu=False)
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.parametrize("wish", [{"max_batch": 0}, {"max_batch": 1000}, {"instances": 0}, {"tensorrt": True}])
def test_a_wish_that_makes_no_sense_writes_nothing(bundle, tmp_path, wish):
    with pytest.raises(InputError):
        write_triton_repository(bundle, tmp_path / "models", **{"gpu": False, **wish})
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("damaged", [model()[:-7], b"\xff" * 40, b""])
def test_a_damaged_model_is_told(bundle, tmp_path, damaged):
    with pytest.raises(BundleError, match=r"model\.onnx"):
        write_triton_repository(replace(bundle, model=damaged), tmp_path / "models", gpu=False)
    assert not (tmp_path / "models").exists()


def test_a_type_no_bundle_has_is_told(bundle, tmp_path):
    odd = replace(bundle, model=model(element=TensorProto.INT64))
    with pytest.raises(BundleError, match="boxes is int64"):
        write_triton_repository(odd, tmp_path / "models", gpu=False)


def test_weights_among_the_inputs_are_no_inputs():
    parsed = onnx.load_from_string(model())
    parsed.graph.initializer.append(helper.make_tensor("weight", TensorProto.FLOAT, [1], [0.0]))
    parsed.graph.input.append(helper.make_tensor_value_info("weight", TensorProto.FLOAT, [1]))
    ports = read_ports(parsed.SerializeToString())
    assert ports.inputs == (OnnxPort("image", "uint8", (None, 64, 64, 3)),)


def test_an_output_without_a_shape_is_told():
    parsed = onnx.load_from_string(model())
    parsed.graph.output[0].type.tensor_type.ClearField("shape")
    with pytest.raises(BundleError, match="boxes has no shape"):
        read_ports(parsed.SerializeToString())


@pytest.mark.parametrize(
    ("name", "folder"), [("tiles", "tiles"), ("../a/b", "a-b"), ("Ü", "lineproof"), ("..", "lineproof")]
)
def test_a_model_name_is_a_plain_folder(name, folder):
    assert model_name(name) == folder


@pytest.mark.parametrize("outputs", ["rows", "maps"])
@pytest.mark.parametrize("task", ["detect", "segment"])
def test_the_page_explains_the_outputs_that_are_there(tmp_path, outputs, task):
    bundle = sealed(tmp_path / "bundle", outputs=outputs, task=task)
    write_triton_repository(bundle, tmp_path / "models", gpu=False)
    page = (tmp_path / "models" / "tiles-3-S-d" / "README.md").read_text()
    assert ("sides_s" in page) == (outputs == "maps")
    assert ("prototypes" in page) == (task == "segment")
    assert max(len(line) for line in page.splitlines()) < 160


def test_a_mono_model_is_fed_grey_after_the_resize(tmp_path):
    bundle = sealed(tmp_path / "bundle", input=InputSpec(width=64, height=64, layout="uint8 GRAY HWC"))
    write_triton_repository(bundle, tmp_path / "models", gpu=False)
    page = (tmp_path / "models" / "tiles-3-S-d" / "README.md").read_text()
    assert page.index("INTER_LINEAR") < page.index("BGR2GRAY") < page.index("filled with 114")
    assert "rows first, grey" in page


@pytest.mark.parametrize("heat", [True, False])
def test_a_classifier_is_served_without_what_only_boxes_need(tmp_path, heat):
    bundle = classifier_bundle(tmp_path / "bundle", heat=heat)
    text = written(bundle, tmp_path / "models", max_batch=4)
    assert "max_batch_size: 4" in text
    assert 'name: "probabilities"\n  data_type: TYPE_FP32\n  dims: [ 2 ]' in text
    assert ('name: "heat"\n  data_type: TYPE_FP32\n  dims: [ 2, 4, 4 ]' in text) == heat
    assert 'string_value: "classify"' in text
    assert not any(name in text for name in ("nms_iou", "max_detections", "strides"))
    page = (tmp_path / "models/tiny-classifier/README.md").read_text()
    assert "the whole frame" in page
    assert ("`heat" in page) == heat
    assert "IoU" not in page
