"""One self-contained page about a told story: pictures inside, no address outside."""

from __future__ import annotations

import base64
import json
import math
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import jinja2

from lineproof.atomic import write_text
from lineproof.errors import LineproofError

if TYPE_CHECKING:
    from lineproof.cli.demo.story import Told

REPORT = "report.html"
MAX_SIDE_PX = 1600  # sheets; larger makes a page that mail refuses
THUMB_SIDE_PX = 320


def write_report(told: Told) -> Path:
    """Write `report.html` into the story's folder and return its path."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lineproof.cli.demo", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    manifest = json.loads((told.out / "run" / "bundle" / "manifest.json").read_text("utf-8"))
    facts = {
        "title": "lineproof demo",
        "made_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "total_s": told.total_s,
        "steps": told.steps,
        "evaluation": told.evaluation,
        "manifest": manifest,
        "parity": "\n".join(f"{name}: {value}" for name, value in manifest["parity"].items() if value is not None),
        "line": told.line,
        "gallery": _gallery(told),
        "sheet": _picture(told.out / "parts.png", MAX_SIDE_PX),
        "curves": _picture(told.out / "run" / "curves.png", MAX_SIDE_PX),
        "http": told.http[:1],
        "figure": _figure,
    }
    page = told.out / REPORT
    write_text(page, environment.get_template("report.html.j2").render(facts))
    return page


def _gallery(told: Told) -> list[dict[str, Any]]:
    """The annotated decisions, wrong ones marked."""
    from lineproof.data.dataset import open_dataset

    data = open_dataset(told.out / "parts")
    ok = {data.name_of(sample): sample.ok for sample in data.samples}
    cards = []
    for part in told.decisions:
        name = Path(part["image"]).name
        wrong = (part["decision"] == "PASS") != ok[name]
        why = "; ".join(reason["text"] for reason in part["reasons"][:2]) or "nothing found"
        picture = _picture(told.out / part["annotated"], THUMB_SIDE_PX)
        cards.append({"name": name, "decision": part["decision"], "why": why, "image": picture, "wrong": wrong})
    return cards


def _picture(path: Path, max_side_px: int) -> str:
    """An image file as a data URL, scaled down where it is larger."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)  # our own pictures; matplotlib's have an alpha channel
    if image is None:
        raise LineproofError(f"{path}: cannot be read again")
    scale = max_side_px / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


def _figure(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.3f}"
