"""What `lineproof run` says at the end of a line with stations."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lineproof.line.conduct.conductor import Conductor
    from lineproof.records.journal import Journal


def station_summary(name: str, conductor: Conductor, journal: Journal | None) -> dict[str, object]:
    """The figures of a run as one JSON object."""
    facts: dict[str, object] = {
        "line": name,
        "stations": {
            post.name: asdict(post.tally.figures()) | {"provider": post.decides.provenance.provider}
            for post in conductor.posts.values()
        },
        "engine_restarts": conductor.room.restarts,
    }
    if journal is not None:
        facts["records"] = asdict(journal.health())
    return facts


def station_summary_text(facts: dict[str, Any]) -> str:
    """The same for people."""
    lines = [f"{facts['line']}: {sum(one['parts'] for one in facts['stations'].values())} triggers answered"]
    for name, one in facts["stations"].items():
        counts = "   ".join(f"{outcome} {count}" for outcome, count in one["outcomes"].items())
        lines.append(f"{name:<12}{counts}")
        for what, key in (("answer", "latency_ms"), ("engine", "engine_ms")):
            if one[key] is not None:
                lines.append(f"{'':<12}{what} " + "  ".join(f"{at} {ms:.1f} ms" for at, ms in one[key].items()))
        if one["causes"]:
            lines.append(f"{'':<12}not inspected: " + ", ".join(f"{rule} {n}" for rule, n in one["causes"].items()))
    if facts["engine_restarts"]:
        lines.append(f"the engine was restarted {facts['engine_restarts']} times")
    if "records" in facts:
        health = facts["records"]
        lines.append(f"records: {health['written']} written, {health['pending']} pending")
        lines += [health["last_error"]] if health["last_error"] else []
    return "\n".join(lines)
