from __future__ import annotations

import json
import os

import pytest

from lineproof.bundle import open_bundle, seal
from lineproof.bundle.proof_file import PROOF, ProofFile, read_proof, require_proof, subject_of
from lineproof.bundle.seal_proof import seal_proof
from lineproof.bundle.storage import pack, read_files
from lineproof.errors import BundleError, GateError
from lineproof.linefile import tolerance_digest
from lineproof.rules.tolerance import Rules
from tiny_bundle import tiny_bundle, tiny_manifest, tiny_model
from tiny_proof import POINT, proof, proven_bundle


def test_a_proof_is_sealed_with_the_point_it_froze(tmp_path):
    before = tiny_bundle(tmp_path / "b")
    after = seal_proof(before, POINT, proof)
    assert after.digest != before.digest
    assert after.manifest.operating_point == POINT
    assert after.model == before.model
    assert [probe.name for probe in after.probes] == [probe.name for probe in before.probes]
    read = read_proof(open_bundle(tmp_path / "b"))
    assert read == proof(subject_of(after.manifest))
    assert read.subject != subject_of(before.manifest)  # other thresholds, another subject


def test_everything_else_stays_byte_for_byte(tmp_path):
    before = read_files(tiny_bundle(tmp_path / "b").path)
    seal_proof(open_bundle(tmp_path / "b"), POINT, proof)
    after = read_files(tmp_path / "b")
    changed = {name for name in after if before.get(name) != after[name]}
    assert changed == {PROOF, "manifest.json", "manifest.sha256"}


def test_a_second_proof_takes_the_place_of_the_first(tmp_path):
    proven_bundle(tmp_path / "b")
    again = seal_proof(open_bundle(tmp_path / "b"), POINT, lambda subject: proof(subject, by="Grace"))
    assert read_proof(again).by == "Grace"


def test_a_class_the_proof_does_not_name_keeps_its_threshold(tmp_path):
    before = tiny_bundle(tmp_path / "b")
    after = seal_proof(before, {"red": POINT["red"]}, proof)
    assert after.manifest.operating_point == {**before.manifest.operating_point, "red": POINT["red"]}


def test_no_proof_is_none(tmp_path):
    assert read_proof(tiny_bundle(tmp_path / "b")) is None


def test_a_proof_of_another_bundle_is_refused(tmp_path):
    other = seal(tmp_path / "b", tiny_manifest(), tiny_model(), extras={PROOF: proof("0" * 64).to_json()})
    with pytest.raises(BundleError, match=r"proof\.json is about another bundle"):
        read_proof(other)


@pytest.mark.parametrize("change", [{"subject": "short"}, {"looks": []}, {"escape": {"count": 1}}, {"extra": 1}])
def test_a_broken_proof_is_refused_in_one_line(tmp_path, change):
    text = json.dumps(json.loads(proof("0" * 64).to_json()) | change).encode()
    sealed = seal(tmp_path / "b", tiny_manifest(), tiny_model(), extras={PROOF: text})
    with pytest.raises(BundleError, match=r"proof\.json: .*prove the bundle again") as caught:
        read_proof(sealed)
    assert "\n" not in str(caught.value)


def test_a_packed_bundle_cannot_be_proven(tmp_path):
    (tmp_path / "b.lpb").write_bytes(pack(read_files(tiny_bundle(tmp_path / "b").path)))
    with pytest.raises(BundleError, match="a packed bundle cannot be proven"):
        seal_proof(open_bundle(tmp_path / "b.lpb"), POINT, proof)


def test_a_proof_may_be_demanded_under_these_tolerances(tmp_path):
    own = tolerance_digest(Rules.model_validate({"default": {"min_area_px2": 20}}))
    with pytest.raises(GateError, match="not proven, and the line requires it"):
        require_proof(tiny_bundle(tmp_path / "a"), own)
    with pytest.raises(GateError, match="other tolerances than the line's rules"):
        require_proof(proven_bundle(tmp_path / "b"), own)
    assert require_proof(proven_bundle(tmp_path / "c", own), own).by == "Ada"


def test_a_disk_that_refuses_leaves_the_old_bundle(tmp_path, monkeypatch):
    before = proven_bundle(tmp_path / "b")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BundleError, match="No space left"):
        seal_proof(before, POINT, lambda subject: proof(subject, by="Grace"))
    monkeypatch.undo()
    assert read_proof(open_bundle(tmp_path / "b")).by == "Ada"


def test_the_file_reads_as_it_was_written():
    own = proof("4" * 64)
    assert ProofFile.model_validate_json(own.to_json()) == own
    assert own.to_json().endswith(b"}\n")
