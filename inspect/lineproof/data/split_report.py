"""A split told: what each part holds, and what a split at random would have leaked."""

from __future__ import annotations

from dataclasses import asdict

from lineproof.data.formats.wording import count
from lineproof.data.leaks import RANDOM_SPLITS
from lineproof.data.split import SplitReport
from lineproof.data.stats import table


def report_dict(report: SplitReport) -> dict[str, object]:
    """The numbers, for machines."""
    return {
        "dataset": str(report.dataset.root),
        "splits": {name: asdict(entry) for name, entry in report.counts.items()},
        "groups": report.groups,
        "largest_group": report.largest_group,
        "images_with_twin": report.twins,
        "defect_images_with_twin": report.defect_twins,
        "leaked": asdict(report.leaks_now),
        "leaked_by_random_split": asdict(report.leaks_random) | {"splits": RANDOM_SPLITS},
        "notes": list(report.notes),
    }


def report_text(report: SplitReport) -> str:
    """A table, then the leaks."""
    rows = [["split", "images", "OK", "groups", *report.dataset.classes]]
    for name, entry in report.counts.items():
        rows.append([name, *map(str, (entry.images, entry.ok_images, entry.groups, *entry.class_images.values()))])
    twins = f"{report.twins} have a twin ({report.defect_twins} of them with a defect)"
    images = f"{count(len(report.dataset.samples), 'image')} in {count(report.groups, 'group')}"
    return "\n".join(
        [
            *table(rows),
            "(images that show the class)",
            "",
            f"{images}, the largest of {report.largest_group}; {twins}",
            _leak_line(report),
            *(f"note: {note}" for note in report.notes),
        ]
    )


def _leak_line(report: SplitReport) -> str:
    random, now = report.leaks_random, report.leaks_now
    if not report.twins:
        return "no image has a twin: nothing could leak"
    of = f"{random.share:.0%}; of those with a defect {random.defect_share:.0%}; mean of {RANDOM_SPLITS}"
    leaked = f"{random.leaked:.0f} of {random.held_out:.0f} held-out images beside a twin in train ({of})"
    return f"a random split would put {leaked}; this one {now.leaked:.0f}"
