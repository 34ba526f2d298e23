"""Facts to one page: pictures inside, no address outside, printable."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import jinja2

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Page = Literal["acceptance", "comparison"]

_DPI = 160  # sharp in print at half the width of A4


def render(page: Page, facts: Mapping[str, Any]) -> str:
    """The page; a fact that is missing is a mistake, never an empty place."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lineproof.proof.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template(f"{page}.html.j2").render(facts)


def plot_url(figure: Figure) -> str:
    """A figure as a PNG inside an address."""
    return "data:image/png;base64," + base64.b64encode(plot_png(figure)).decode()


def plot_png(figure: Figure) -> bytes:
    """A figure as the bytes of a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)  # draws without a display
    buffer = io.BytesIO()
    # Compressed a little: a third larger, and half of the time that a page of plots takes.
    figure.savefig(buffer, format="png", dpi=_DPI, pil_kwargs={"compress_level": 1})
    return buffer.getvalue()
