"""A gap in words that a technician can act on, and as a table."""

from __future__ import annotations

from collections.abc import Iterator

from lineproof.data.formats.wording import count
from lineproof.data.gap.facts import FactGap
from lineproof.data.gap.measure import Gap
from lineproof.data.gap.outside import QUANTILE

SIGNIFICANT = 0.05
# Areas under the curve of two normal distributions 0.74 and 1.8 standard deviations apart.
SMALL_AUC, LARGE_AUC = 0.7, 0.9
FEW_GROUPS = 20

# What a fact is about, where it has another name.
_SUBJECTS = {"brightness": "light", "width": "size", "height": "size"}
_REMEDIES = {
    "light": "set exposure and lamp as they were for A, or train with images as bright as those of B",
    "contrast": "check lamp, diffuser and gain; a dirty lens flattens, too",
    "sharpness": "check focus, lens and motion blur; a re-sized image is softer or sharper as well",
    "noise": "check gain and exposure time; strong JPEG compression hides noise and adds its own",
    "colour": "check whether one camera is mono, and the white balance of the other",
    "size": "bring both sets to the same field of view and pixels per millimetre",
}


def verdict(gap: Gap) -> str:
    """`no difference found`, `alike to the network`, `small difference`, `clear difference` or `very different`."""
    if gap.test.p > SIGNIFICANT:
        return "alike to the network" if differing(gap) else "no difference found"
    if gap.auc < SMALL_AUC:
        return "small difference"
    return "clear difference" if gap.auc < LARGE_AUC else "very different"


def differing(gap: Gap) -> list[FactGap]:
    """Facts in which the sets differ, the clearest first."""
    return sorted((fact for fact in gap.facts if fact.differs), key=lambda fact: -abs(fact.auc - 0.5))


def gap_text(gap: Gap) -> str:
    """Everything, as lines for a terminal."""
    return "\n".join([*_head(gap), "", *_table(gap), "", *_advice(gap)])


def gap_dict(gap: Gap) -> dict[str, object]:
    """Everything, for JSON; the images outside are added by who knows their names."""
    test = gap.test
    return {
        "a": _side(gap, "a"),
        "b": _side(gap, "b"),
        "verdict": verdict(gap),
        "p": test.p,
        "smallest_p": test.smallest_p,
        "permutations": test.permutations,
        "energy_distance": test.distance,
        "auc": gap.auc,
        "shared_groups": gap.shared_groups,
        "facts": [
            {
                "name": fact.measure.name,
                "unit": fact.measure.unit,
                "a": fact.a,
                "b": fact.b,
                "auc": fact.auc,
                "p": fact.p,
                "differs": fact.differs,
            }
            for fact in gap.facts
        ],
        "outside": {
            "count": len(gap.outside.rows),
            "expected": (1 - QUANTILE) * len(gap.b),
            "quantile": QUANTILE,
            "limit": gap.outside.limit,
        },
        "advice": list(_advice(gap)),
    }


def _side(gap: Gap, which: str) -> dict[str, object]:
    side = gap.a if which == "a" else gap.b
    return {"name": side.name, "images": len(side), "groups": side.group_count}


def _head(gap: Gap) -> Iterator[str]:
    for letter, side in (("A", gap.a), ("B", gap.b)):
        yield f"{letter}  {side.name}: {count(len(side), 'image')} of {count(side.group_count, 'group')}"
    test = gap.test
    floor = ", as low as it can get" if test.p <= 1.01 * test.smallest_p else ""
    yield ""
    yield (
        f"{verdict(gap)}: a classifier tells A from B with AUC {gap.auc:.2f} (0.5 cannot, 1 always), "
        f"p = {test.p:.2g}{floor}, energy distance {test.distance:.3f}"
    )
    outside, expected = len(gap.outside.rows), (1 - QUANTILE) * len(gap.b)
    yield (
        f"{outside} of {count(len(gap.b), 'image')} of B ({outside / len(gap.b):.1%}) lie outside all that A shows; "
        f"{expected:.1f} would by chance"
    )


def _table(gap: Gap) -> Iterator[str]:
    yield f"{'':<12}{'A':>10}{'B':>10}{'AUC':>8}{'p':>9}"
    for fact in gap.facts:
        mark = f"  B is {fact.word}" if fact.differs else ""
        yield f"{fact.measure.name:<12}{fact.a:>10.4g}{fact.b:>10.4g}{fact.auc:>8.2f}{fact.p:>9.2g}{mark}"


def _advice(gap: Gap) -> Iterator[str]:
    """What to do, the most urgent first."""
    found = verdict(gap)
    if found == "no difference found":
        yield "Figures measured on A should hold for B as far as these images can tell."
    elif found == "alike to the network":
        yield "The network hardly notices what differs, so figures from A may hold: measure the bundle on some of B to be sure."
    elif found == "small difference":
        yield "The sets overlap for the most part: measure the bundle on B before relying on figures from A."
    else:
        yield "Figures measured on A do not speak for B: annotate some of B, measure there, and train with them."
    if gap.test.p > SIGNIFICANT and min(gap.a.group_count, gap.b.group_count) < FEW_GROUPS:
        yield (
            f"With fewer than {FEW_GROUPS} groups in a set only a large difference would be seen: "
            "add images before relying on it."
        )
    subjects: dict[str, list[FactGap]] = {}
    for fact in differing(gap):
        subjects.setdefault(_SUBJECTS.get(fact.measure.name, fact.measure.name), []).append(fact)
    for subject, facts in subjects.items():
        figures = ", ".join(f"{f.measure.name} {f.a:.4g} against {f.b:.4g} {f.measure.unit}" for f in facts)
        yield f"{subject} differs, B is {' and '.join(f.word for f in facts)} ({figures}): {_REMEDIES[subject]}."
    if gap.test.p <= SIGNIFICANT and not differing(gap):
        yield "Light, sharpness, noise and size are alike: what differs is what is shown – other parts, surfaces or poses."
    if len(gap.outside.rows) > max(3.0, 3 * (1 - QUANTILE) * len(gap.b)):
        yield "Annotate the images outside first: nothing like them was trained on."
    if gap.shared_groups:
        yield (
            f"{count(gap.shared_groups, 'part')} shown in both sets, so that the gap looks smaller than it is: "
            "split by group with `lineproof data split`."
        )
