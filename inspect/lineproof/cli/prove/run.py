"""What `lineproof prove` does, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lineproof import __version__
from lineproof.atomic import write_json, write_text
from lineproof.bundle.manifest import MODEL
from lineproof.bundle.open import Bundle
from lineproof.bundle.proof_file import Look as TestLook
from lineproof.bundle.proof_file import ProofFile, ProvenOn, RateClaim
from lineproof.bundle.seal_proof import seal_proof
from lineproof.cli.output import messages
from lineproof.cli.prove.subject import Subject, look_words, open_subject
from lineproof.core.decode import read_image
from lineproof.data.dataset import open_dataset
from lineproof.data.judged_picture import as_data_url, judged_picture
from lineproof.errors import InputError
from lineproof.presets import find_preset
from lineproof.proof.acceptance import ALL, Acceptance, Question, accept, choose_point
from lineproof.proof.counts.counted import Counted
from lineproof.proof.defects import stopping
from lineproof.proof.point.answer import NotDemonstrated
from lineproof.proof.report.facts import VOID_WHEN, About, Card, page_facts
from lineproof.proof.report.page import render
from lineproof.proof.report.pdf import print_pdf
from lineproof.proof.requirements import Answer, Requirements, Shown, answer, confidences
from lineproof.proof.seen import Seen
from lineproof.proof.worst import PartToSee
from lineproof.rules.fusion import in_words
from lineproof.rules.judge import Limit
from lineproof.rules.tolerance import Rules
from lineproof.settings import load_settings

if TYPE_CHECKING:
    from lineproof.proof.agreement.assess import Agreement

_CARDS = 12  # pictures of each kind of failure


@dataclass(frozen=True, slots=True)
class Asked:
    """Everything the command line said."""

    question: Question
    automatic_match: bool
    line: Path | None
    split: str
    calibrate: str
    provider: str
    by: str | None
    out: Path
    seal: bool
    require: str | None
    study: Path | None


@dataclass(frozen=True, slots=True, eq=False)
class Proven:
    """What came out."""

    acceptance: Acceptance
    question: Question
    answers: tuple[Answer, ...]
    notes: tuple[str, ...]
    facts: dict[str, object]
    files: tuple[Path, ...]

    @property
    def yes(self) -> bool:
        """Every requirement is met, and what was asked was demonstrated."""
        return all(row.met for row in self.answers) and not isinstance(self.acceptance.point.answer, NotDemonstrated)


def prove(bundle: Path, dataset: Path, asked: Asked) -> Proven:
    """Choose, look once, count, write down.

    Raises:
        InputError: thresholds are asked for that the line file fixes, or a file cannot be read.
        DatasetError: parts that training has seen, or contradictory labels.
        GateError: nothing to choose thresholds from.
    """
    requirements = (
        None if asked.require is None else load_settings(find_preset("acceptance", asked.require), Requirements)
    )
    agreement = None if asked.study is None else _agreement(asked.study)
    subject = open_subject(bundle, open_dataset(dataset), asked.line, asked.provider)
    question = _settled(asked, subject)
    if asked.seal and not bundle.is_dir():
        raise InputError(f"{bundle}: a packed bundle cannot be proven", hint="prove its folder, or give --no-seal")
    if question.ask is not None:
        _refuse_fixed(subject.rules, subject.bundle)
    calibration = None if question.ask is None else subject.look(asked.calibrate)[1].seen
    look, looks, unchecked = subject.look_at_locked(asked.split, asked.by)
    point = choose_point(subject.limits, calibration, question, subject.bundle.manifest.score_floor)
    acceptance = accept(point, look.seen, subject.bundle.manifest.classes, question)
    notes = [note for note in (unchecked, look_words(looks), _reused_words(asked, question)) if note]
    answers = () if requirements is None else answer(requirements, _shown(acceptance, requirements, agreement, looks))
    proof = _proof_of(subject, acceptance, question, asked, looks, answers)
    sealed = subject.bundle
    if asked.seal:
        sealed = seal_proof(subject.bundle, point.thresholds, proof, zones=_zone_polygons(subject.rules))
    rests_on = _rests_on(sealed, proof(""), subject)
    about = About(
        subject.bundle.manifest.name,
        looks[-1].at,
        looks[-1].by,
        notes,
        answers,
        _cards(acceptance.worst.escapes, look.seen, point.limits),
        _cards(acceptance.worst.overkill, look.seen, point.limits),
        rests_on,
    )
    facts = proof("").model_dump(mode="json") | {"bundle": sealed.digest, "notes": notes, "yes": True}
    proven = Proven(acceptance, question, answers, tuple(notes), facts, ())
    facts["yes"] = proven.yes
    return replace(proven, files=_write(asked.out, page_facts(acceptance, question, about), facts))


def _settled(asked: Asked, subject: Subject) -> Question:
    """The question with what the bundle and the line file say."""
    question = asked.question
    if asked.automatic_match and subject.bundle.manifest.task == "classify":  # its boxes are whole frames
        question = replace(question, rule="overlap")
    if question.mm_per_px is None:
        question = replace(question, mm_per_px=subject.rules.mm_per_px)
    return question


def _refuse_fixed(rules: Rules, bundle: Bundle) -> None:
    """A threshold that the line file sets cannot be chosen."""
    for name in bundle.manifest.classes:
        tolerance = rules.classes.get(name, rules.default)
        if not tolerance.ignore and (tolerance.score is not None or tolerance.review_score is not None):
            raise InputError(
                f"the line file sets the threshold of {name} itself, so none can be chosen",
                hint="remove `score` and `review_score` there, or prove without --escape and prices",
            )


def _reused_words(asked: Asked, question: Question) -> str:
    """The calibration parts are usually those by which the best epoch was chosen."""
    if question.ask is None or asked.calibrate != "val":
        return ""
    return (
        "Thresholds were chosen on the parts by which training chose its best epoch; what they promise leans to the bright "
        "side. The counts above are of parts that nothing was chosen on."
    )


def _shown(
    acceptance: Acceptance, requirements: Requirements, agreement: Agreement | None, looks: Sequence[TestLook]
) -> Shown:
    claims = acceptance.claims
    asked = confidences(requirements)
    machine = None if agreement is None else _machine_of(agreement)
    together = acceptance.pods[ALL]
    return Shown(
        escape_upper={c: claims.escape.upper(c) if claims.escape.of else None for c in asked},
        overkill_upper={c: claims.overkill.upper(c) if claims.overkill.of else None for c in asked},
        review=claims.review.count / claims.review.of if claims.review.of else None,
        a90_95={"" if name == ALL else name: pod.a90_95 for name, pod in acceptance.pods.items()},
        unit="px" if together.unit == "px" else "mm",
        effectiveness=None if machine is None else machine[0],
        kappa=None if machine is None else machine[1],
        latency_p99_ms=acceptance.latency_p99_ms,
        looks=len(looks),
    )


def _agreement(path: Path) -> Agreement:
    from lineproof.proof.agreement.assess import assess
    from lineproof.proof.agreement.study import read_study

    return assess(read_study(path), "machine")


def _machine_of(agreement: Agreement) -> tuple[float, float | None]:
    machine = next((appraiser for appraiser in agreement.appraisers if appraiser.name == "machine"), None)
    if machine is None:
        names = ", ".join(appraiser.name for appraiser in agreement.appraisers)
        raise InputError(f"the study has no appraiser `machine`; it has {names}", hint="name the machine's rows so")
    return machine.effectiveness.rate.value, machine.kappa.value


class _ProofOf:
    """The proof file about a subject that is known only once the thresholds are in the manifest."""

    def __init__(self, facts: Mapping[str, object]) -> None:
        self._facts = facts

    def __call__(self, subject: str) -> ProofFile:
        return ProofFile.model_validate({**self._facts, "subject": subject or "0" * 64})


def _proof_of(
    subject: Subject,
    acceptance: Acceptance,
    question: Question,
    asked: Asked,
    looks: tuple[TestLook, ...],
    answers: tuple[Answer, ...],
) -> _ProofOf:
    claims = acceptance.claims
    return _ProofOf(
        {
            "rules_digest": subject.rules_digest,
            "sentence": claims.sentence(question.confidence),
            "escape": _claim(claims.escape, question.confidence),
            "overkill": _claim(claims.overkill, question.confidence),
            "proven_on": ProvenOn(
                dataset=subject.data.root.name,
                content_hash=subject.data.content_hash,
                split=asked.split,
                split_hash=looks[-1].split_hash,
                images=sum(len(rows) for rows in acceptance.parts.images),
                parts=len(acceptance.parts),
                unit=question.unit,
                fusion=in_words(question.fusion),
            ),
            "at": looks[-1].at,
            "by": looks[-1].by,
            "lineproof": __version__,
            "provider": subject.engine.provider,
            "looks": looks,
            "void_when": VOID_WHEN,
            "figures": _figures(acceptance, answers),
        }
    )


def _claim(rate: Counted, confidence: float) -> RateClaim | None:
    if not rate.of:
        return None
    return RateClaim(count=rate.count, of=rate.of, upper=rate.upper(confidence), confidence=confidence)


def _figures(acceptance: Acceptance, answers: tuple[Answer, ...]) -> dict[str, object]:
    point = acceptance.point
    return {
        "claims": acceptance.claims.as_dict(),
        "repeats": acceptance.repeats.as_dict() if acceptance.repeats else None,
        "plan": acceptance.plan.as_dict() if acceptance.plan else None,
        "operating_point": {
            "thresholds": {name: own._asdict() for name, own in point.thresholds.items()},
            "answer": point.answer.as_dict() if point.answer else None,
        },
        "pod": {name: pod.as_dict() for name, pod in acceptance.pods.items()},
        "slices": [row.as_dict() for row in acceptance.slices],
        "escapes": [part.part for part in acceptance.worst.escapes],
        "overkill": [part.part for part in acceptance.worst.overkill],
        "suspects": [{"part": part.part, "why": part.words} for part in acceptance.worst.suspects],
        "latency_p99_ms": round(acceptance.latency_p99_ms, 3),
        "requirements": [row.as_dict() for row in answers],
    }


def _zone_polygons(rules: Rules) -> dict[str, tuple[tuple[float, float], ...]]:
    return {name: tuple(zone.polygon) for name, zone in rules.zones.items()}


def _rests_on(bundle: Bundle, proof: ProofFile, subject: Subject) -> list[tuple[str, str]]:
    manifest, on = bundle.manifest, proof.proven_on
    trained = "unknown" if manifest.dataset is None else f"{manifest.dataset.name} ({manifest.dataset.content_hash})"
    return [
        ("proved", f"{proof.at:%Y-%m-%d %H:%M} UTC by {proof.by}, lineproof {proof.lineproof}"),
        ("bundle", f"{manifest.name}, digest {bundle.digest}"),
        ("model", f"sha256 {manifest.files[MODEL]}, {manifest.precision} on {proof.provider}"),
        ("trained on", trained),
        ("proven on", f"{on.dataset}, split {on.split}: {on.parts} parts, {on.images} images"),
        ("dataset", on.content_hash),
        ("test parts", on.split_hash),
        (
            "test parts used",
            "once by this model" if len(proof.looks) == 1 else f"{len(proof.looks)} times by this model",
        ),
        ("rules of the line", proof.rules_digest + ("" if subject.rules != Rules() else " (none: the bundle's own)")),
    ]


def _cards(parts: Sequence[PartToSee], seen: Seen, limits: tuple[Limit, ...]) -> list[Card]:
    cards = []
    for part in parts[:_CARDS]:
        sample, found = seen.samples[part.image], seen.found[part.image]
        shown = stopping(found, limits)
        if not len(shown):  # what came nearest to stopping it
            shown = found[:1]
        picture = judged_picture(read_image(sample.image), sample.truth, shown)
        cards.append(Card(part.part, part.words, as_data_url(picture)))
    return cards


def _write(out: Path, page: Mapping[str, object], facts: Mapping[str, object]) -> tuple[Path, ...]:
    """The page, the same as JSON, and a PDF where a browser prints one."""
    html, data, pdf = out / "report.html", out / "report.json", out / "report.pdf"
    write_text(html, render("acceptance", page))
    write_json(data, facts)
    why_not = print_pdf(html, pdf)
    if why_not:
        messages.print(f"no PDF: {why_not}", markup=False)
    return (html, data) if why_not else (html, data, pdf)
