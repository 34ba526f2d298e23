"""One fresh process that gives one decision: `cold_start_child.py CONTENDER MODEL IMAGE`; prints what it took.

Nothing heavy is imported before the contender is chosen. Parts are wall seconds; `decided_at` is the monotonic clock.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

NEVER = ("torch", "torchvision", "ultralytics", "albumentations", "timm", "scipy", "matplotlib", "onnx", "pandas")
NOT_HERE = ("sqlalchemy", "alembic", "fastapi", "starlette", "uvicorn", "prometheus_client", "yaml", "rich", "typer")

Parts = dict[str, float]


def lineproof(model: str, image: str) -> tuple[Parts, str]:
    """What `lineproof inspect` does, up to the first decision; parts are timed from outside, nothing is replaced."""
    began = time.monotonic()
    from lineproof.cli.start import loading

    with loading():
        from lineproof.bundle import open as opening
        from lineproof.cli import assemble
        from lineproof.core import Frame
        from lineproof.core.decode import read_image
        from lineproof.engine import onnx_engine
        from lineproof.engine.sessions import onnxruntime_cpu  # noqa: F401 (the runtime is imported when a session opens)
        from lineproof.rules.tolerance import Rules

        parts: Parts = {"imports": time.monotonic() - began}
        _timed(parts, "read", opening, "read_files")
        _timed(parts, "hash", opening, "_verify")
        _timed(parts, "decode_probes", opening, "read_probes")
        _timed(parts, "check_graph", onnx_engine, "check_graph")
        _timed(parts, "session", onnx_engine, "open_session")
        _timed(parts, "warm_up", onnx_engine.OnnxEngine, "warm_up")
        _timed(parts, "replay_probes", assemble, "replay_probes")
        inspector = assemble.open_inspector(Path(model), Rules())[0]
    ready = time.monotonic()
    decision = inspector.inspect(Frame(read_image(Path(image)), "p", "benchmark")).decision
    parts["first_image"] = time.monotonic() - ready
    return parts, str(decision)


def floor(model: str, image: str) -> tuple[Parts, str]:
    """The least there is: imports, a session, a resized image, one run. No check, no boxes, no verdict."""
    began = time.monotonic()
    import cv2
    import onnxruntime as ort

    imported = time.monotonic()
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    path = Path(model) / "model.onnx" if Path(model).is_dir() else model
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    opened = time.monotonic()
    source = session.get_inputs()[0]
    shape = [size if isinstance(size, int) else 1 for size in source.shape]
    if source.type == "tensor(uint8)":
        picture = cv2.resize(cv2.imread(image), (shape[2], shape[1]))
        pixels = picture[None] if shape[3] == 3 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)[None, :, :, None]
    else:
        pixels = cv2.dnn.blobFromImage(cv2.imread(image), 1 / 255, (shape[3], shape[2]), swapRB=True)
    session.run(None, {source.name: pixels})
    return {
        "imports": imported - began,
        "session": opened - imported,
        "first_image": time.monotonic() - opened,
    }, ""


def ultralytics(model: str, image: str) -> tuple[Parts, str]:
    """`YOLO(model)(image)`, for an ONNX export as for torch weights."""
    began = time.monotonic()
    from ultralytics import YOLO

    imported = time.monotonic()
    found = YOLO(model, task="detect").predict(image, device="cpu", verbose=False)
    return {"imports": imported - began, "first_image": time.monotonic() - imported}, f"{len(found[0].boxes)} boxes"


def _timed(parts: Parts, name: str, owner: object, attribute: str) -> None:
    """Let a function note how long it takes; nothing else changes."""
    function: Callable[..., object] = getattr(owner, attribute)

    def timed(*args: object, **kwargs: object) -> object:
        began = time.monotonic()
        try:
            return function(*args, **kwargs)
        finally:
            parts[name] = parts.get(name, 0.0) + time.monotonic() - began

    setattr(owner, attribute, timed)


def resident_mib() -> float:
    """Resident memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def main() -> None:
    """Decide once and tell."""
    contender = {"lineproof": lineproof, "floor": floor, "ultralytics": ultralytics}[sys.argv[1]]
    parts, decision = contender(*sys.argv[2:4])
    facts = {
        "decided_at": time.monotonic(),
        "rss_mib": resident_mib(),
        "parts_s": parts,
        "modules": len(sys.modules),
        "decision": decision,
        "unwanted": [name for name in (*NEVER, *NOT_HERE) if name in sys.modules],
    }
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
