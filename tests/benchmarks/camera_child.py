"""One camera loop in a process of its own: one line of JSON in (`fps`, `seconds`), one out; idle in between.

python camera_child.py LOOP MODEL SIZE IMAGES PROVIDER
"""

from __future__ import annotations

import io
import json
import resource
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from camera_rig import WH, VirtualCamera, exposed_ns
from pictures import mosaics

WARM_UP_S = 1.0  # also drains what the driver holds from before the loop began
RING = 6  # prepared frames


class Notes:
    """What a loop did, from the end of the warm-up on."""

    def __init__(self, camera: VirtualCamera, seconds: float) -> None:
        self._camera = camera
        self._start_ns = time.monotonic_ns() + int(WARM_UP_S * 1e9)
        self.end_ns = self._start_ns + int(seconds * 1e9)
        self._before: tuple[int, float, dict[str, float]] | None = None
        self.ages_ms: list[float] = []
        self.engine_ms: list[float] = []
        self.parts_ms: dict[str, list[float]] = {}
        self.blank = 0  # pictures handed to the model that no camera took

    def over(self) -> bool:
        """Time to end."""
        return time.monotonic_ns() >= self.end_ns

    def decided(self, image: np.ndarray, at_ns: int, engine_ms: float, **parts_ms: float) -> None:
        """One decision about one frame."""
        if at_ns < self._start_ns or at_ns > self.end_ns:
            return
        if self._before is None:
            self._before = self._now()
            return  # its age counts from the next one: the clock of rates starts here
        exposed = exposed_ns(image)
        if not exposed:
            self.blank += 1
            return
        self.ages_ms.append(round((at_ns - exposed) / 1e6, 3))
        self.engine_ms.append(round(engine_ms, 3))
        for name, value in parts_ms.items():
            self.parts_ms.setdefault(name, []).append(round(value, 3))

    def facts(self) -> dict[str, object]:
        """Figures of this run."""
        if self._before is None:
            return {"error": "no decision in time"}
        (began_ns, cpu_s, counts), (now_ns, cpu_now_s, counts_now) = self._before, self._now()
        seconds = (now_ns - began_ns) / 1e9
        delta = {name: counts_now[name] - value for name, value in counts.items()}
        return {
            "seconds": seconds,
            "ages_ms": self.ages_ms,
            "engine_ms": self.engine_ms,
            "parts_ms": self.parts_ms,
            "blank": self.blank,
            "exposed": delta["exposed"],
            "driver_drops": delta["driver_drops"],
            "undecided": max(0, delta["exposed"] - len(self.ages_ms) - self.blank),
            "cores": (cpu_now_s - cpu_s) / seconds,
            "camera_cores": delta["camera_cpu_s"] / seconds,
        }

    def _now(self) -> tuple[int, float, dict[str, float]]:
        use = resource.getrusage(resource.RUSAGE_SELF)
        return time.monotonic_ns(), use.ru_utime + use.ru_stime, self._camera.counts


class Naive:
    """read → plain onnxruntime on the stock graph."""

    def __init__(self, model: str, size: int, provider: str) -> None:
        del size, provider
        from plain import PlainDetector

        self._detector = PlainDetector(model)

    def run(self, camera: VirtualCamera, notes: Notes) -> None:
        while not notes.over():
            image = camera.read()
            began_ns = time.monotonic_ns()
            self._detector.detect(image)
            now_ns = time.monotonic_ns()
            notes.decided(image, now_ns, (now_ns - began_ns) / 1e6)


class UltralyticsPredict:
    """read → ultralytics predict on the stock graph."""

    def __init__(self, model: str, size: int, provider: str) -> None:
        del provider
        from ultralytics import YOLO

        self._model = YOLO(model, task="detect")
        self._arguments = {"imgsz": size, "conf": 0.25, "iou": 0.6, "device": "cpu", "verbose": False}
        self._model.predict(np.zeros((WH[1], WH[0], 3), np.uint8), **self._arguments)

    def run(self, camera: VirtualCamera, notes: Notes) -> None:
        while not notes.over():
            image = camera.read()
            result = self._model.predict(image, **self._arguments)[0]
            result.boxes.xyxy.tolist()
            notes.decided(image, time.monotonic_ns(), sum(result.speed.values()))


class UltralyticsStream(UltralyticsPredict):
    """ultralytics' own loader (`stream=True`, camera 0, its thread and its newest-frame buffer).

    Only `cv2.VideoCapture`, which the loader opens, is replaced by one that reads the virtual camera.
    """

    def run(self, camera: VirtualCamera, notes: Notes) -> None:
        import cv2

        real, cv2.VideoCapture = cv2.VideoCapture, lambda _: Capture(camera)
        try:
            for result in self._model.predict(source="0", stream=True, **self._arguments):
                result.boxes.xyxy.tolist()
                notes.decided(result.orig_img, time.monotonic_ns(), sum(result.speed.values()))
                if notes.over():
                    break
        finally:
            cv2.VideoCapture = real
            self._model.predictor.dataset.close()


class Capture:
    """What ultralytics' loader asks of a `cv2.VideoCapture`."""

    def __init__(self, camera: VirtualCamera) -> None:
        self._camera, self._image = camera, None

    def isOpened(self) -> bool:  # noqa: N802  # OpenCV's name
        return True

    def get(self, prop: int) -> float:
        import cv2

        facts = {cv2.CAP_PROP_FRAME_WIDTH: WH[0], cv2.CAP_PROP_FRAME_HEIGHT: WH[1], cv2.CAP_PROP_FPS: self._camera.fps}
        return facts.get(prop, 0)

    def grab(self) -> bool:
        self._image = self._camera.read()
        return True

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, self._image

    def read(self) -> tuple[bool, np.ndarray]:
        return self.grab(), self._image

    def release(self) -> None:
        """The camera is switched off elsewhere."""


class Lineproof:
    """`lineproof run`, free running: capture thread → feeder → newest-wins handoff → inference thread → signal."""

    def __init__(self, model: str, size: int, provider: str) -> None:
        del size
        from lineproof.cli.assemble import open_inspector
        from lineproof.memory import keep_picture_memory
        from lineproof.rules.tolerance import Rules

        keep_picture_memory()
        self._inspector, _ = open_inspector(Path(model), Rules(), provider)

    def run(self, camera: VirtualCamera, notes: Notes) -> None:
        from lineproof.line.loop import Line
        from lineproof.line.settings import LineSettings
        from lineproof.sources.capture import CaptureSource
        from lineproof.sources.settings import CameraSettings

        settings = CameraSettings(kind="camera", index=0, name="virtual")
        source = CaptureSource(lambda: Handle(camera), settings, "virtual camera").start()
        witness = Witness(notes)
        line = Line(self._inspector, source, witness, [witness], LineSettings(), source_id="virtual")
        with self._screen(line):
            line.run(duration_s=(notes.end_ns - time.monotonic_ns()) / 1e9)

    def _screen(self, line) -> AbstractContextManager[object]:
        """Nothing; see `LineproofScreen`."""
        del line
        return nullcontext()


class LineproofScreen(Lineproof):
    """The same with the live table that `lineproof run` draws on a terminal, four times a second."""

    def _screen(self, line) -> AbstractContextManager[object]:
        from rich.console import Console
        from rich.live import Live

        from lineproof.line.live import LiveView

        console = Console(file=io.StringIO(), force_terminal=True, width=160, height=40)
        view = LiveView(line, "benchmark", lambda: "")
        return Live(get_renderable=view.render, console=console, refresh_per_second=4, transient=True)


class Handle:
    """An open device for `CaptureSource`; what `OpenCvHandle` is for a real camera."""

    def __init__(self, camera: VirtualCamera) -> None:
        self._camera = camera

    def read(self):
        from lineproof.errors import SourceLost
        from lineproof.sources.handle import Shot

        try:
            return Shot(self._camera.read(timeout_s=1.0))
        except TimeoutError as error:
            raise SourceLost(str(error)) from None

    def close(self) -> None:
        """The camera is switched off elsewhere."""


class Witness:
    """Signal and recorder in one: the moment of the answer, then the frame it is about."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._sent_ns = 0

    def send(self, inspection) -> None:
        del inspection
        self._sent_ns = time.monotonic_ns()

    def put(self, inspection, image) -> None:
        if image is None:
            return
        times = inspection.times_ms
        self._notes.decided(
            image,
            self._sent_ns,
            times.preprocess + times.infer + times.postprocess,
            capture=(inspection.grabbed_ns - exposed_ns(image)) / 1e6,
            wait=times.wait,
            infer=times.infer,
            answer=(self._sent_ns - inspection.grabbed_ns) / 1e6 - times.total,
        )

    def heartbeat(self) -> None:
        """Nobody listens."""

    def close(self) -> None:
        """Nothing to release."""


LOOPS = {
    "naive": Naive,
    "ultralytics-predict": UltralyticsPredict,
    "ultralytics-stream": UltralyticsStream,
    "lineproof": Lineproof,
    "lineproof-screen": LineproofScreen,
}


def main() -> None:
    """Load, say so, then run as told."""
    loop_name, model, size, images, provider = sys.argv[1:]
    ring = mosaics(Path(images), WH, RING)
    loop: Any = LOOPS[loop_name](model, int(size), provider)
    answer({"ready": True})
    for order in sys.stdin:
        asked = json.loads(order)
        camera = VirtualCamera(ring, asked["fps"]).start()
        notes = Notes(camera, asked["seconds"])
        loop.run(camera, notes)
        facts = notes.facts()
        camera.stop()
        answer(facts)


def answer(facts: dict[str, object]) -> None:
    """One line."""
    sys.__stdout__.write(json.dumps(facts) + "\n")
    sys.__stdout__.flush()


if __name__ == "__main__":
    main()
