"""The advice on image size, for people and for machines."""

from __future__ import annotations

from lineproof.data.sizing import CELL_PX, WANTED_PX, Advice, Choice, Speed


def sizing_dict(advice: Advice, speed: Speed | None) -> dict[str, object]:
    """The numbers, for machines."""
    return {
        "image_wh": list(advice.frame_wh),
        "defects": advice.defects,
        "narrowest_5_percent_px": round(advice.narrow_px, 2),
        "wanted_px": WANTED_PX,
        "cell_px": CELL_PX,
        "recommended": _choice_dict(advice.chosen),
        "whole": _choice_dict(advice.whole),
        "lean": _choice_dict(advice.lean),
        "tiled": _choice_dict(advice.tiled),
        "largest_within_budget": _choice_dict(advice.affordable),
        "latency_budget_ms": advice.budget_ms,
        "within_budget": advice.holds,
        "measured_ms": None if speed is None else {str(side): round(ms, 2) for side, ms in speed.measured},
    }


def _choice_dict(choice: Choice | None) -> dict[str, object] | None:
    if choice is None:
        return None
    tiling = choice.tiling
    return {
        "imgsz": choice.imgsz,
        "tiles": None if tiling is None else {"slice": list(tiling.slice_wh), "overlap": _overlap(choice)},
        "runs_per_frame": choice.tiles,
        "narrow_px": round(choice.narrow_px, 2),
        "covers_one_and_a_half_cells": choice.wide,
        "covers_a_cell": choice.fine,
        "ms": None if choice.ms is None else round(choice.ms, 1),
    }


def sizing_text(advice: Advice, speed: Speed | None, *, why_unmeasured: str = "") -> str:
    """The advice first, then why, then what it costs."""
    width, height = advice.frame_wh
    chosen = advice.chosen
    lines = [
        f"recommended: {_recipe(chosen)}",
        "",
        f"{advice.defects} defects in images of {width}×{height}; 5 % of them are narrower than {advice.narrow_px:.1f} px",
        f"on this input those are {chosen.narrow_px:.1f} px wide; {WANTED_PX:g} px are wanted: the network's finest grid has",
        f"one cell per {CELL_PX:g} px, and a defect should cover one and a half of them wherever it lies",
    ]
    if not chosen.wide:
        lines += _too_narrow(chosen)
    lines += ["", *_ways(advice)]
    lines += ["", *_speed_lines(speed, why_unmeasured)]
    if not advice.holds:
        lines += ["", *_over_budget(advice)]
    return "\n".join(lines)


def _recipe(choice: Choice) -> str:
    """As it is written in a recipe file."""
    if choice.tiling is None:
        return f"imgsz: {choice.imgsz}, whole images"
    width, height = choice.tiling.slice_wh
    size = str(width) if width == height else f"[{width}, {height}]"
    return f"imgsz: {choice.imgsz}, tiles: {{slice: {size}, overlap: {_overlap(choice):g}}}"


def _overlap(choice: Choice) -> float:
    return 0.0 if choice.tiling is None else round(choice.tiling.overlap_wh[0] / choice.tiling.slice_wh[0], 3)


def _too_narrow(choice: Choice) -> list[str]:
    if choice.fine:
        return [f"that is more than one cell ({CELL_PX:g} px) but not one and a half: expect more misses among them"]
    return [
        f"that is less than one cell of {CELL_PX:g} px: the narrowest of them will be found by luck.",
        "Enlarging further shows no more; go closer with the camera, or use a finer lens",
    ]


def _ways(advice: Advice) -> list[str]:
    """Every way that was weighed, one line each."""
    lines = []
    lean = advice.lean if advice.lean != advice.whole else None
    ways = (("whole", advice.whole), ("lean", lean), ("tiles", advice.tiled), ("in budget", advice.affordable))
    for name, choice in ways:
        if choice is not None:
            cost = "" if choice.ms is None else f", {choice.ms:.0f} ms a frame"
            runs = "" if choice.tiling is None else f", {choice.tiles} runs a frame"
            lines.append(f"  {name:10} {_recipe(choice)}: narrowest 5 % {choice.narrow_px:.1f} px{runs}{cost}")
    if advice.chosen.tiling is not None:
        lines.append("  tiles save no work on the line: they look at the same pixels, those of the overlap twice")
    return lines


def _speed_lines(speed: Speed | None, why: str) -> list[str]:
    if speed is None:
        return [f"latency: not measured{f' ({why})' if why else ''}"]
    took = ", ".join(f"{side}×{side} {ms:.1f} ms" for side, ms in speed.measured)
    return [f"measured on this machine's CPU: {took}; other sizes by their number of pixels"]


def _over_budget(advice: Advice) -> list[str]:
    budget = f"{advice.budget_ms:g} ms"
    lines = [f"nothing that is fine enough keeps {budget} on this machine"]
    if advice.affordable is not None:
        lines.append(
            f"within {budget}: {_recipe(advice.affordable)}, but the narrowest 5 % are {advice.affordable.narrow_px:.1f} px there"
        )
    lines.append("look only where parts are (`regions` in the line file), use a GPU, or allow more time")
    return lines
