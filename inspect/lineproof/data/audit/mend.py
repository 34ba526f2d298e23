"""A mended copy of a dataset, and the list of everything that was changed on the way."""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath

from lineproof.atomic import write_json
from lineproof.core import Sample
from lineproof.data.audit.bake import bake
from lineproof.data.audit.change import Change
from lineproof.data.audit.checks.twins import EXACT
from lineproof.data.audit.finding import Code
from lineproof.data.audit.placement import Placement
from lineproof.data.audit.run import Audited
from lineproof.data.audit.truth import mend_truth
from lineproof.data.dataset import Dataset, write_dataset
from lineproof.data.folder import require_free
from lineproof.data.layout import SETTINGS
from lineproof.data.split import merge_groups
from lineproof.data.union import Union
from lineproof.errors import DatasetError

FIXES = "fixes.json"


@dataclass(frozen=True, slots=True, eq=False)
class Mended:
    """The copy, and what was changed in it."""

    dataset: Dataset
    changes: tuple[Change, ...]


def mend(audited: Audited, out: Path, *, overwrite: bool = False) -> Mended:
    """Write a corrected copy of an audited dataset with `fixes.json`; the original stays as it is.

    Raises:
        DatasetError: `out` is taken, or nothing usable is left.
    """
    require_free(out, overwrite=overwrite, marker=SETTINGS)
    if out.resolve() == audited.raw.root:
        raise DatasetError(f"--out {out}: is the dataset itself", hint="the copy goes elsewhere")
    with tempfile.TemporaryDirectory(prefix="lineproof-mend-") as scratch:
        copy = _Copy(audited, Path(scratch), [*_unread(audited)])
        for name in copy.kept_images():
            copy.take(name)
        samples = copy.with_whole_groups()
        if not samples:
            raise DatasetError(f"{audited.raw.root}: no usable image is left", hint="import the dataset again")
        classes, source = tuple(audited.raw.settings.classes), audited.raw.settings.source_format
        dataset = write_dataset(
            out, classes, samples, source, name_of=lambda s: copy.new_name[s.image], overwrite=overwrite
        )
    changes = tuple(copy.changes)
    counts = Counter(change.code for change in changes)
    facts = {"source": str(audited.raw.root), "counts": counts, "changes": [asdict(change) for change in changes]}
    write_json(dataset.root / FIXES, facts)
    return Mended(dataset, changes)


@dataclass
class _Copy:
    """What is collected for the copy."""

    audited: Audited
    scratch: Path
    changes: list[Change] = field(default_factory=list)
    samples: dict[str, Sample] = field(default_factory=dict)  # by name in the original
    new_name: dict[Path, str] = field(default_factory=dict)

    def kept_images(self) -> list[str]:
        """Images worth taking over; the others are written down as left out."""
        raw = self.audited.raw
        gone: dict[str, Change] = {}
        for finding in self.audited.report.findings:
            if finding.code in (Code.NO_ENTRY, Code.NO_FILE, Code.UNLABELLED, Code.NOT_IN_SETTINGS) and finding.image:
                gone.setdefault(finding.image, Change(finding.code, f"left out: {finding.text}", finding.image))
        for name, facts in self.audited.pixels.facts.items():
            if facts.problem is not None and facts.problem is not Code.CHANNELS:
                gone[name] = Change(facts.problem, f"left out: {facts.text}", name)
        for name, first in self._later_copies(set(gone)).items():
            gone[name] = Change(Code.COPY, f"left out: the same as {first}", name)
        self.changes += gone.values()
        return [name for name in raw.usable() if name not in gone]

    def take(self, name: str) -> None:
        """One image with its mended truth."""
        raw, facts = self.audited.raw, self.audited.pixels.facts[name]
        image, new_name = raw.images / name, name
        if facts.orientation != 1 or facts.alpha or facts.problem is Code.CHANNELS:
            new_name = self._free_png_name(name)
            image = self.scratch / new_name
            opaque = facts.problem is None or facts.alpha
            if not opaque or not bake(raw.images / name, facts, image):
                self.changes.append(Change(Code.CHANNELS, f"left out: {facts.text}", name))
                return
            code = Code.CHANNELS if facts.alpha else Code.EXIF
            self.changes.append(Change(code, f"pixels written anew as {new_name}", name))
        placement = Placement.of(facts, raw.sizes[name])
        if raw.sizes[name] != facts.shown_wh:
            self.changes.append(Change(Code.SIZE, _placed(placement), name))
        truth, changes = mend_truth(raw, name, placement)
        self.changes += changes
        entry = raw.settings.images.get(name)
        self.new_name[image] = new_name
        self.samples[name] = Sample(image, facts.shown_wh, truth, entry.group if entry else name, raw.split_of(name))

    def with_whole_groups(self) -> list[Sample]:
        """The samples, a group or cluster of twins that crossed splits moved to where most of it is."""
        groups = {name: sample.group for name, sample in self.samples.items()}
        clusters = tuple(
            tuple(name for name in cluster if name in groups) for cluster in self.audited.pixels.duplicates.clusters
        )
        duplicates = replace(self.audited.pixels.duplicates, clusters=tuple(c for c in clusters if len(c) > 1))
        merged = merge_groups(groups, duplicates)
        members: defaultdict[str, list[str]] = defaultdict(list)
        for name, group in merged.items():
            members[group].append(name)
        for group, names in members.items():
            splits = Counter(self.samples[name].split for name in names)
            if len(splits) > 1:
                self._move(names, group, max(splits, key=lambda split: (splits[split], split == "train")))
        return list(self.samples.values())

    def _move(self, names: list[str], group: str, split: str) -> None:
        for name in names:
            sample = self.samples[name]
            if sample.split != split:
                done = f"moved from {sample.split or 'no split'} to {split or 'no split'}, as most of group {group}"
                self.changes.append(Change(Code.CROSSING, done, name))
            self.samples[name] = replace(sample, split=split, group=group)

    def _later_copies(self, gone: set[str]) -> dict[str, str]:
        """Identical images after the first, with the first."""
        order = [name for name in self.audited.raw.usable() if name not in gone]
        union = Union(order)
        for pair in self.audited.pixels.duplicates.pairs:
            if pair.kind in EXACT and not {pair.a, pair.b} & gone:
                union.join(pair.a, pair.b)
        return {name: members[0] for members in union.sets() for name in members[1:]}

    def _free_png_name(self, name: str) -> str:
        """The name with suffix .png, numbered when another image has it."""
        path, taken = PurePosixPath(name), set(self.audited.raw.files) - {name}
        candidates: Iterable[str] = (
            str(path.with_name(f"{path.stem}{n}.png")) for n in ("", *map("-{}".format, range(1, 1000)))
        )
        return next(candidate for candidate in candidates if candidate not in taken)


def _unread(audited: Audited) -> Iterator[Change]:
    """What of the files could not even be read as records of an image."""
    done = {Code.CLASS_LIST: "classes taken by name", Code.LISTED_TWICE: "entries joined"}
    for finding in audited.report.findings:
        if finding.code in done:
            yield Change(finding.code, done[finding.code], finding.image, finding.record)
    for finding in audited.raw.findings:
        if finding.code not in done:
            yield Change(finding.code, f"dropped: {finding.text}", finding.image, finding.record)


def _placed(placement: Placement) -> str:
    if not placement.changes:
        return "size recorded"
    turned = "turned and " if placement.orientation != 1 else ""
    drawn, shown = ("×".join(map(str, size)) for size in (placement.drawn_wh, placement.shown_wh))
    return f"annotations {turned}fitted from {drawn} to {shown}"
