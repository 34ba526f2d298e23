"""A small proof, and a tiny bundle that carries it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from lineproof.bundle.open import Bundle
from lineproof.bundle.proof_file import Look, ProofFile, ProvenOn, RateClaim
from lineproof.bundle.seal_proof import seal_proof
from lineproof.core.threshold import Threshold
from lineproof.linefile import tolerance_digest
from lineproof.rules.tolerance import Rules
from tiny_bundle import tiny_bundle

AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
POINT = {"blue": Threshold(0.7, 0.5), "red": Threshold(0.9, 0.9)}


def look(number: int = 0, **changes: object) -> Look:
    facts = {"at": AT.replace(minute=number), "by": "Ada", "split_hash": "1" * 64, "model": "2" * 64}
    return Look.model_validate(facts | changes)


def proof(subject: str, rules_digest: str = "", **changes: object) -> ProofFile:
    facts = {
        "subject": subject,
        "rules_digest": rules_digest or tolerance_digest(Rules()),
        "sentence": "At most 1 % of bad parts pass, with 95 % confidence.",
        "escape": RateClaim(count=0, of=300, upper=0.0099, confidence=0.95),
        "overkill": None,
        "proven_on": ProvenOn(
            dataset="tiles",
            content_hash="3" * 64,
            split="test",
            split_hash="1" * 64,
            images=300,
            parts=300,
            unit="part",
            fusion="any view",
        ),
        "at": AT,
        "by": "Ada",
        "lineproof": "0.1.0",
        "provider": "cpu",
        "looks": (look(),),
        "void_when": ("the camera is moved",),
        "figures": {"pod": None},
    }
    return ProofFile.model_validate(facts | changes)


def proven_bundle(path: Path, rules_digest: str = "") -> Bundle:
    """The tiny bundle, proven under these tolerances (default: none of a line)."""
    return seal_proof(tiny_bundle(path), POINT, lambda subject: proof(subject, rules_digest))
