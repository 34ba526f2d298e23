from __future__ import annotations

from pathlib import Path

import pytest

from builders import detections
from lineproof.core import Sample
from lineproof.data.looks import joined, parts_hash, read_looks, write_looks
from lineproof.errors import DatasetError
from tiny_proof import look


def test_no_look_before_the_first(tmp_path):
    assert read_looks(tmp_path) == ()


def test_looks_are_kept(tmp_path):
    write_looks(tmp_path, [look(1), look(2)])
    assert read_looks(tmp_path) == (look(1), look(2))


def test_looks_of_two_places_are_joined_in_order():
    assert joined([look(3), look(1)], [look(2), look(3)]) == (look(1), look(2), look(3))


@pytest.mark.parametrize("text", ["", "[1]", '{"looks": [{"at": "yesterday"}]}', "\xff"])
def test_a_broken_file_is_named_in_one_line(tmp_path, text):
    (tmp_path / "looks.json").write_text(text, "latin-1")
    with pytest.raises(DatasetError, match=r"looks\.json: cannot be read") as caught:
        read_looks(tmp_path)
    assert "\n" not in str(caught.value)


def test_parts_are_known_by_their_bytes_and_groups():
    def sample(group):
        return Sample(Path("x.png"), (1, 1), detections(), group, "test")

    one = parts_hash([sample("a"), sample("b")], ["1", "2"])
    assert one == parts_hash([sample("b"), sample("a")], ["2", "1"])
    assert one != parts_hash([sample("a"), sample("a")], ["1", "2"])
