"""The sealed artefact between training and line."""

from lineproof.bundle.manifest import (
    BaseWeights,
    ClassThreshold,
    DatasetCard,
    InputSpec,
    Manifest,
    ParityReport,
)
from lineproof.bundle.open import Bundle, open_bundle
from lineproof.bundle.probes import Probe, ProbeTolerance, decide
from lineproof.bundle.seal import seal

__all__ = [
    "BaseWeights",
    "Bundle",
    "ClassThreshold",
    "DatasetCard",
    "InputSpec",
    "Manifest",
    "ParityReport",
    "Probe",
    "ProbeTolerance",
    "decide",
    "open_bundle",
    "seal",
]
