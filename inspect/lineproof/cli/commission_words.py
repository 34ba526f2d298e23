"""What a commissioning found: for the line file, for programs and for people."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, cast

from lineproof.cli.commission_grab import Grabbed
from lineproof.linefile import LineFile
from lineproof.watch.learn import Learnt
from lineproof.watch.region import Box
from lineproof.watch.scale import Scale


@dataclass(frozen=True, slots=True)
class Findings:
    """Of one commissioning; a board gives the scale alone."""

    seen: Grabbed | None = None
    learnt: Learnt | None = None
    scale: Scale | None = None
    box: Box | None = None


def about(found: Findings) -> str:
    """When, and from what."""
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return when if found.learnt is None else f"{when}, {_learnt_frames(found)} frames"


def template_name(learnt: Learnt, stem: str) -> str:
    """Named by its content: a line file never names another picture than the one that was learnt with it."""
    assert learnt.template is not None
    digest = hashlib.sha256(learnt.template.grey.tobytes() + learnt.template.steady.tobytes()).hexdigest()
    return f"{stem}.template-{digest[:8]}.png"


def section(learnt: Learnt, before: Mapping[str, object], stem: str) -> dict[str, object]:
    """What a good frame looks like, in place of what was learnt before; `n_in_a_row` stays as it was set."""
    values = learnt.settings.model_dump(mode="json", exclude_none=True)
    if learnt.template is not None:
        values["position"]["template"] = template_name(learnt, stem)
    if "n_in_a_row" in before:
        values["n_in_a_row"] = before["n_in_a_row"]
    return values


def as_dict(
    settings: LineFile, camera: str, found: Findings, quality: object, files: Mapping[str, str]
) -> dict[str, object]:
    """One JSON object."""
    facts: dict[str, object] = {
        "line": settings.name,
        "camera": camera,
        "files": dict(files),
        "notes": _notes(settings, found),
    }
    if found.learnt is not None and found.seen is not None:
        names = [shown.name for shown in found.seen.shown]
        facts |= {
            "frames": len(names),
            "learnt": _learnt_frames(found),
            "set_aside": {names[row]: why for row, why in found.learnt.rejected.items()},
            "damaged": len(found.seen.damaged),
            "quality": quality,
            "tried": {tried.name: {"refused": tried.refused, "of": tried.of} for tried in found.learnt.tried},
        }
    if found.scale is not None:
        facts["scale"] = asdict(found.scale)
    if found.box is not None:
        facts["region"] = found.box._asdict()
    return facts


def in_words(facts: Mapping[str, object]) -> str:
    """The same for people."""
    said = cast("Mapping[str, Any]", facts)
    lines = [f"{said['camera']}: commissioned"]
    if "quality" in said:
        aside = f", {len(said['set_aside'])} set aside" if said["set_aside"] else ""
        lines = [f"{said['camera']}: {said['learnt']} of {said['frames']} frames learnt{aside}"]
        lines += [f"  set aside {name}: {why}" for name, why in said["set_aside"].items()]
        lines += [f"  refuses {name:<18} {t['refused']:>5} of {t['of']}" for name, t in said["tried"].items()]
    if "scale" in said:
        scale = said["scale"]
        lines.append(f"  {scale['mm_per_px']:.5g} mm/px, corners off by {scale['residual_px']:.2f} px, {_tilt(scale)}")
    if "region" in said:
        lines.append("  looks only at {width}×{height} px at {x},{y}".format(**said["region"]))
    lines += [f"  note: {note}" for note in said["notes"]]
    return "\n".join([*lines, *(f"  {name}: {path}" for name, path in said["files"].items())])


def _tilt(scale: Mapping[str, Any]) -> str:
    return "by a ruler" if scale["corners"] == 2 else f"tilt {scale['tilt']:.2%}"


def _learnt_frames(found: Findings) -> int:
    if found.seen is None or found.learnt is None:
        return 0
    return len(found.seen.glimpses) - len(found.learnt.rejected)


def _notes(settings: LineFile, found: Findings) -> list[str]:
    """What a person should know before the line runs."""
    notes = [] if found.learnt is None else list(found.learnt.notes)
    if found.scale is not None and found.scale.warning is not None:
        notes.append(found.scale.warning)
    changed = [name for name, value in (("rules.mm_per_px", found.scale), ("regions", found.box)) if value is not None]
    if changed and settings.require_proof:
        notes.append(f"{' and '.join(changed)} changed what is tolerated: prove the bundle again under this line file")
    return notes
