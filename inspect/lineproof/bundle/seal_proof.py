"""Put a proof, and the operating point it froze, into a bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lineproof.bundle.manifest import MANIFEST, SEAL, ClassThreshold, ZoneThreshold
from lineproof.bundle.open import Bundle
from lineproof.bundle.proof_file import PROOF, ProofFile, subject_of
from lineproof.bundle.seal import write_sealed
from lineproof.bundle.storage import read_files
from lineproof.core.threshold import Threshold
from lineproof.errors import BundleError

Polygon = tuple[tuple[float, float], ...]


def seal_proof(
    bundle: Bundle,
    thresholds: Mapping[str, Threshold],
    proof_about: Callable[[str], ProofFile],
    *,
    zones: Mapping[str, Polygon] | None = None,
) -> Bundle:
    """Write the bundle again in its place, with these thresholds and the proof of a subject's digest.

    Args:
        bundle: an opened folder.
        thresholds: by class, or by class@zone; a class that is not named keeps its own.
        proof_about: makes the proof once the digest of what it is about is known.
        zones: polygons of the zones named in `thresholds`.

    Raises:
        BundleError: the bundle is a packed file, or the disk did not take it; the old one is then still there.
    """
    if not bundle.path.is_dir():
        raise BundleError(
            f"{bundle.path}: a packed bundle cannot be proven", hint="prove the folder it was packed from"
        )
    manifest = bundle.manifest.model_copy(
        update={
            "thresholds": {
                name: ClassThreshold(**thresholds.get(name, own)._asdict())
                for name, own in bundle.manifest.operating_point.items()
            },
            "zone_thresholds": {
                name: ZoneThreshold(**own._asdict(), polygon=(zones or {})[name.rpartition("@")[2]])
                for name, own in thresholds.items()
                if name not in bundle.manifest.thresholds
            },
        }
    )
    proof = proof_about(subject_of(manifest))
    kept = {name: data for name, data in read_files(bundle.path).items() if name not in (MANIFEST, SEAL)}
    return write_sealed(bundle.path, manifest, {**kept, PROOF: proof.to_json()}, replace=True)
