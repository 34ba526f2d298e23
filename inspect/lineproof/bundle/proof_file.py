"""What is written in `proof.json`: the claim, what it was measured on, and what it is true of."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field, JsonValue, ValidationError

from lineproof.bundle.manifest import Manifest, Sha256
from lineproof.bundle.open import Bundle
from lineproof.errors import BundleError, GateError
from lineproof.settings import StrictModel, first_problem

PROOF: Final = "proof.json"

Share = Annotated[float, Field(ge=0, le=1)]


class RateClaim(StrictModel):
    """A rate per part with its exact one-sided bound."""

    count: int = Field(ge=0, description="parts that escaped, or were rejected though good")
    of: int = Field(gt=0, description="bad parts, or good ones")
    upper: Share = Field(description="one-sided Clopper–Pearson bound")
    confidence: Share = Field(description="of the bound")


class ProvenOn(StrictModel):
    """The parts that were counted."""

    dataset: str = Field(description="name of its folder")
    content_hash: str = Field(description="of images and annotations")
    split: str = Field(description="locked: never used to train or to choose thresholds")
    split_hash: Sha256 = Field(description="of the names and groups of the split's images")
    images: int = Field(ge=0, description="images inspected")
    parts: int = Field(ge=0, description="parts counted")
    unit: Literal["part", "image"] = Field(description="what counts as one part")
    fusion: str = Field(description="how views of a part were put together")


class Look(StrictModel):
    """The locked split was opened."""

    at: AwareDatetime = Field(description="UTC")
    by: str = Field(description="who proved")
    split_hash: Sha256 = Field(description="which parts")
    model: Sha256 = Field(description="of model.onnx")


class ProofFile(StrictModel):
    """The whole content of `proof.json`."""

    schema_version: Literal[1] = Field(default=1, description="of this file")
    subject: Sha256 = Field(description="digest of the bundle without this file")
    rules_digest: Sha256 = Field(description="of the tolerances that decided")
    sentence: str = Field(description="the claim, to be read aloud")
    escape: RateClaim | None = Field(description="none: there was no bad part")
    overkill: RateClaim | None = Field(description="none: there was no good part")
    proven_on: ProvenOn = Field(description="which parts")
    at: AwareDatetime = Field(description="UTC")
    by: str = Field(description="who proved it")
    lineproof: str = Field(description="version that measured")
    provider: str = Field(description="what the model ran on")
    looks: tuple[Look, ...] = Field(min_length=1, description="every time a locked split was opened, this one last")
    void_when: tuple[str, ...] = Field(description="what ends it")
    figures: dict[str, JsonValue] = Field(description="everything else the report shows")

    def to_json(self) -> bytes:
        """The one way this file is written."""
        return (json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()


def subject_of(manifest: Manifest) -> str:
    """The digest (hex) of a bundle as if it carried no proof: what a proof is about."""
    files = {name: sha256 for name, sha256 in manifest.files.items() if name != PROOF}
    return hashlib.sha256(manifest.model_copy(update={"files": files}).to_json()).hexdigest()


def read_proof(bundle: Bundle) -> ProofFile | None:
    """The proof in a bundle; None where there is none.

    Raises:
        BundleError: it cannot be read, or is about another bundle.
    """
    if PROOF not in bundle.extras:
        return None
    try:
        proof = ProofFile.model_validate_json(bundle.extras[PROOF])
    except ValidationError as error:
        raise BundleError(f"{bundle.path}: {PROOF}: {first_problem(error)}", hint="prove the bundle again") from None
    if proof.subject != subject_of(bundle.manifest):
        raise BundleError(f"{bundle.path}: {PROOF} is about another bundle", hint="prove this one")
    return proof


def require_proof(bundle: Bundle, rules_digest: str) -> ProofFile:
    """The proof of a bundle under these tolerances.

    Raises:
        GateError: there is none, or it was made under others.
        BundleError: as `read_proof`.
    """
    proof = read_proof(bundle)
    if proof is None:
        raise GateError(
            f"{bundle.path}: not proven, and the line requires it",
            hint="lineproof prove BUNDLE DATASET --line LINE.yaml",
        )
    if proof.rules_digest != rules_digest:
        raise GateError(
            f"{bundle.path}: proven under other tolerances than the line's rules",
            hint="prove it again with --line and this line file",
        )
    return proof
