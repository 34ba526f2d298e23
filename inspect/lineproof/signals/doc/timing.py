"""The timing diagram as SVG, drawn from the steps of the handshake."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from lineproof.signals.doc.handshake import PLC_LANES, VISION_LANES, Step, steps
from lineproof.signals.io_map import Times

LEFT, RIGHT, TOP = 268, 24, 66  # pixels
STEP, LANE, SWING = 84, 34, 18  # width of a step, height of a lane, height of a level
SLOPE = 4
GROUP_GAP = 30
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1d2733}.small{font-size:12px;fill:#52606d}"
    ".plc{stroke:#0b6bcb}.vision{stroke:#b45309}.plc-text{fill:#0b6bcb;font-weight:600}"
    ".vision-text{fill:#b45309;font-weight:600}"
    ".wave{fill:none;stroke-width:2}.guide{stroke:#9aa5b1;stroke-dasharray:2 4}.rule{stroke:#52606d;fill:none}"
    ".ball{fill:#fff;stroke-width:1.5}.mid{text-anchor:middle}"
)


def timing_svg(times: Times, deadline_ms: float) -> str:
    """One part on the wire, not to scale; a standalone SVG document."""
    handshake = steps(times, deadline_ms)
    width = LEFT + STEP * (len(handshake) + 1) + RIGHT
    y = TOP
    parts = [*_guides(handshake)]
    for title, who, lanes in (
        ("PLC writes (holding registers)", "plc", PLC_LANES),
        ("vision writes (input registers)", "vision", VISION_LANES),
    ):
        parts.append(f'<text class="{who}-text" x="12" y="{y + 14}">{title}</text>')
        y += GROUP_GAP
        for lane in lanes:
            parts += _lane(lane, who, handshake, y)
            y += LANE
        parts += _heartbeat(who, times, y, width)
        y += LANE + 8
    spans = ((2, 3, f"≤ {times.trigger_ack_ms:g} ms"), (2, 5, f"≤ {deadline_ms:g} ms, the PLC's own timer runs"))
    for row, (first, last, text) in enumerate(spans):
        parts += _span(_x(first), _x(last), y + 10 + 24 * row, text)
    height = y + 24 * len(spans) + 12
    guide_end = y + 24 * len(spans) - 8
    drawing = "\n".join(parts).replace("GUIDE_END", str(guide_end))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="Timing of one part"><style>{STYLE}</style>'
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n{drawing}\n</svg>\n'
    )


def _x(step: int) -> int:
    """Of the moment of a step."""
    return LEFT + STEP * (step + 1)


def _guides(handshake: Sequence[Step]) -> list[str]:
    """A numbered line for each step, in the colour of who acts."""
    parts = []
    for number, step in enumerate(handshake):
        x, who = _x(number), step.who.lower()
        parts.append(f'<line class="guide" x1="{x}" y1="44" x2="{x}" y2="GUIDE_END"/>')
        parts.append(f'<circle class="ball {who}" cx="{x}" cy="30" r="13"/>')
        parts.append(f'<text class="mid {who}-text" x="{x}" y="34.5">{number + 1}</text>')
    return parts


def _lane(name: str, who: str, handshake: Sequence[Step], y: int) -> list[str]:
    label = f'<text x="12" y="{y + 14}">{escape(name)}</text>'
    moments = [(_x(number), step.changes[name]) for number, step in enumerate(handshake) if name in step.changes]
    end = _x(len(handshake) - 1) + STEP
    wave = _bus if any(isinstance(value, str) for _, value in moments) else _bit
    return [label, *wave(moments, who, y, end)]


def _bit(moments: Sequence[tuple[int, int | str]], who: str, y: int, end: int) -> list[str]:
    """A level that steps up and down."""
    path = f"M{LEFT} {y + SWING}"
    for x, value in moments:
        path += f"H{x - SLOPE / 2:g}L{x + SLOPE / 2:g} {y if value else y + SWING}"
    return [f'<path class="wave {who}" d="{path}H{end}"/>']


def _bus(moments: Sequence[tuple[int, int | str]], who: str, y: int, end: int) -> list[str]:
    """Words: two rails that cross where the value changes."""
    low = y + SWING
    edges = [LEFT, *(x for x, _ in moments), end]
    values = ["0" if who == "vision" else "n − 1", *(str(value) for _, value in moments)]
    parts = []
    for start, stop, value in zip(edges[:-1], edges[1:], values, strict=True):
        inner_start = start if start == LEFT else start + SLOPE
        inner_stop = stop if stop == end else stop - SLOPE
        for rail, other in ((y, low), (low, y)):
            middle = (rail + other) / 2
            begin = f"M{inner_start} {rail}" if start == LEFT else f"M{start} {middle:g}L{inner_start} {rail}"
            finish = "" if stop == end else f"L{stop} {middle:g}"
            parts.append(f'<path class="wave {who}" d="{begin}H{inner_stop}{finish}"/>')
        parts.append(f'<text class="mid small" x="{(start + stop) / 2:g}" y="{y + 13.5}">{escape(value)}</text>')
    return parts


def _heartbeat(who: str, times: Times, y: int, width: int) -> list[str]:
    """Toggles all the time, whatever the handshake does."""
    name = "PLC_HEARTBEAT" if who == "plc" else "VISION_HEARTBEAT"
    path, high = f"M{LEFT} {y + SWING}", False
    for x in range(LEFT + STEP // 4, width - RIGHT - STEP // 4, STEP // 2):
        high = not high
        path += f"H{x - SLOPE / 2:g}L{x + SLOPE / 2:g} {y if high else y + SWING}"
    promise = f"new every {times.heartbeat_ms:g} ms; {times.watchdog_ms:g} ms still: reject"
    return [
        f'<text x="12" y="{y + 10}">{name}</text>',
        f'<text class="small" x="12" y="{y + 25}">{promise}</text>',
        f'<path class="wave {who}" d="{path}H{width - RIGHT}"/>',
    ]


def _span(start: int, stop: int, y: int, text: str) -> list[str]:
    """A dimension line with its text to the right."""
    heads = f"M{start + 6} {y - 4}L{start} {y}L{start + 6} {y + 4}M{stop - 6} {y - 4}L{stop} {y}L{stop - 6} {y + 4}"
    return [
        f'<path class="rule" d="M{start} {y}H{stop}{heads}"/>',
        f'<text class="small" x="{stop + 10}" y="{y + 4}">{escape(text)}</text>',
    ]
