"""Put a proof, and the operating point it froze, into a bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lineproof.bundle.manifest import MANIFEST, SEAL, ClassThreshold
from lineproof.bundle.open import Bundle
from lineproof.bundle.proof_file import PROOF, ProofFile, subject_of
from lineproof.bundle.seal import write_sealed
from lineproof.bundle.storage import read_files
from lineproof.core.threshold import Threshold
from lineproof.errors import BundleError


def seal_proof(bundle: Bundle, thresholds: Mapping[str, Threshold], proof_about: Callable[[str], ProofFile]) -> Bundle:
    """Write the bundle again in its place, with these thresholds by class name and the proof of a subject's digest.

    Raises:
        BundleError: the bundle is a packed file, or the disk did not take it; the old one is then still there.
    """
    if not bundle.path.is_dir():
        raise BundleError(
            f"{bundle.path}: a packed bundle cannot be proven", hint="prove the folder it was packed from"
        )
    point = {
        name: ClassThreshold(score=own.score, review_score=own.review_score)
        for name in bundle.manifest.classes
        for own in [thresholds.get(name, bundle.manifest.operating_point[name])]
    }
    manifest = bundle.manifest.model_copy(update={"thresholds": point})
    proof = proof_about(subject_of(manifest))
    kept = {name: data for name, data in read_files(bundle.path).items() if name not in (MANIFEST, SEAL)}
    return write_sealed(bundle.path, manifest, {**kept, PROOF: proof.to_json()}, replace=True)
