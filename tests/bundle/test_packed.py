from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lineproof.bundle import open_bundle
from lineproof.bundle.storage import pack, read_files, write_packed
from lineproof.errors import BundleError
from tiny_bundle import tiny_bundle


@pytest.fixture
def packed(tmp_path) -> Path:
    tiny_bundle(tmp_path / "tiles")
    write_packed(tmp_path / "tiles.lpb", read_files(tmp_path / "tiles"))
    return tmp_path / "tiles.lpb"


def refused(path: Path, says: str) -> None:
    with pytest.raises(BundleError) as caught:
        open_bundle(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)


def test_one_file_holds_the_same_bundle(packed):
    folder, file = open_bundle(packed.with_suffix("")), open_bundle(packed)
    assert (file.digest, file.model, file.manifest) == (folder.digest, folder.model, folder.manifest)
    assert len(file.probes) == 3


def test_packing_is_repeatable(packed):
    assert pack(read_files(packed)) == packed.read_bytes()


def test_every_byte_counts_also_those_between_the_files(packed):
    whole = packed.read_bytes()
    rng = np.random.default_rng(2)
    places = {*range(60), *range(len(whole) - 120, len(whole)), *rng.integers(0, len(whole), 200).tolist()}
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << int(rng.integers(8))
        packed.write_bytes(changed)
        refused(packed, "")
    for changed in (whole[:-1], whole[: len(whole) // 2], whole + b"x", b"x" + whole):
        packed.write_bytes(changed)
        refused(packed, "")


def test_a_file_marked_as_encrypted_is_refused(packed):
    data = bytearray(packed.read_bytes())
    entry = data.rindex(b"PK\x01\x02")  # of the central directory; its flags stand 8 bytes on
    data[entry + 8] ^= 1
    packed.write_bytes(data)
    refused(packed, "a zip file lineproof did not pack")


def zipped(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_a_zip_that_is_no_bundle_is_told_so(tmp_path):
    path = tmp_path / "images.zip"
    path.write_bytes(zipped({"a.png": b"x"}))
    refused(path, "a zip file, but no bundle: there is no manifest.json at its top")


def test_a_zip_somebody_else_made_of_a_bundle_is_told_the_way(packed):
    packed.write_bytes(zipped(read_files(packed), zipfile.ZIP_DEFLATED))
    refused(packed, "unpack it and give the folder")


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.lpb"
    path.write_bytes(zipped({"manifest.json": b"{}", "model.onnx": b"\0" * 50_000_000}, zipfile.ZIP_DEFLATED))
    refused(path, "did not pack")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_given_twice_is_refused(tmp_path):
    path = tmp_path / "twice.lpb"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("manifest.json", b"{}")
        archive.writestr("manifest.json", b"[]")
    path.write_bytes(buffer.getvalue())
    refused(path, "repeated names")


def test_a_name_that_leads_outside_is_refused_and_nothing_is_written(packed):
    files = read_files(packed)
    packed.write_bytes(pack({**files, "../outside.txt": b"x"}))
    refused(packed, "../outside.txt was added after sealing")
    assert not (packed.parent.parent / "outside.txt").exists()


def test_a_packed_file_is_not_written_over(packed):
    with pytest.raises(BundleError, match="already exists"):
        write_packed(packed, {})
