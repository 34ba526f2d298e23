"""A bundle under a line's rules, ready to look at the parts of a dataset."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lineproof.bundle.manifest import MODEL
from lineproof.bundle.open import Bundle, open_bundle
from lineproof.bundle.proof_file import Look as TestLook
from lineproof.bundle.proof_file import read_proof
from lineproof.bundle.training_images import TrainingImages
from lineproof.cli.assemble import bundle_limits, ready_engine
from lineproof.cli.prove.look import Look, look_at, refuse_known
from lineproof.core import Sample
from lineproof.data.dataset import Dataset
from lineproof.data.looks import joined, parts_hash, read_looks, write_looks
from lineproof.data.subset import samples_of
from lineproof.engine.regions import Region, RegionEngine
from lineproof.linefile import load_line, tolerance_digest
from lineproof.ports import Engine
from lineproof.proof.evaluate import align_classes, as_one_class
from lineproof.rules.judge import Limit, per_zone
from lineproof.rules.tolerance import Rules


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """The bundle under the line's rules, ready to look."""

    bundle: Bundle
    rules: Rules
    regions: tuple[Region, ...]
    limits: tuple[Limit, ...]
    engine: Engine
    data: Dataset

    def truth(self, samples: Sequence[Sample]) -> list[Sample]:
        """The samples in the classes of the bundle."""
        manifest = self.bundle.manifest
        if manifest.recipe.get("one_class"):
            return as_one_class(samples)
        return align_classes(samples, self.data.classes, manifest.classes)

    def look(self, split: str) -> tuple[list[Sample], Look]:
        """Every image of a split, inspected once."""
        originals = samples_of(self.data, split)
        return originals, look_at(self.engine, self.limits, self.data, originals, self.truth(originals))

    @property
    def rules_digest(self) -> str:
        """Of what decides beside the bundle."""
        return tolerance_digest(self.rules, self.regions)

    def look_at_locked(self, split: str, by: str | None) -> tuple[Look, tuple[TestLook, ...], str]:
        """Open a locked split: refuse what training has seen, note the look, say what could not be checked.

        Returns what was seen, every look of this model at these parts with this one last, and a sentence or nothing.

        Raises:
            DatasetError: parts that training has seen, contradictory labels, or a dataset where no look can be noted.
        """
        originals, look = self.look(split)
        trained = TrainingImages.of_bundle(self.bundle.extras, str(self.bundle.path))
        unchecked = refuse_known(trained, self.data, originals, look.prints)
        return look, _note_look(self, by, parts_hash(originals, look.prints.sha256)), unchecked


def open_subject(path: Path, data: Dataset, line_file: Path | None, provider: str) -> Subject:
    """Open and verify the bundle, resolve the rules, warm up, replay the probes."""
    bundle = open_bundle(path)
    rules = Rules()
    regions: tuple[Region, ...] = ()
    if line_file is not None:
        line = load_line(line_file)
        rules, regions = line.rules, line.regions
    limits = per_zone(bundle_limits(bundle, rules))
    ready = ready_engine(bundle, limits, provider)
    engine: Engine = RegionEngine(ready, regions) if regions else ready
    return Subject(bundle, rules, regions, limits, engine, data)


def _note_look(subject: Subject, by: str | None, split_hash: str) -> tuple[TestLook, ...]:
    """Every look of this model at these parts, this one last; kept beside the images, whatever becomes of the bundle."""
    earlier = read_proof(subject.bundle)
    all_looks = joined(read_looks(subject.data.root), () if earlier is None else earlier.looks)
    look = TestLook(
        at=datetime.now(UTC).replace(microsecond=0),
        by=by or getpass.getuser(),
        split_hash=split_hash,
        model=subject.bundle.manifest.files[MODEL],
    )
    write_looks(subject.data.root, [*all_looks, look])
    return (*(old for old in all_looks if (old.split_hash, old.model) == (split_hash, look.model)), look)


def look_words(looks: Sequence[TestLook]) -> str:
    """A warning once the parts were opened before; else nothing."""
    if len(looks) == 1:
        return ""
    first = looks[0]
    return (
        f"Test set used {len(looks)} times by this model, first on {first.at:%Y-%m-%d} by {first.by}: what was changed in "
        "between may have been chosen on these parts, and the bounds then say too little."
    )
