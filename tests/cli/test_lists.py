"""Lists on the command line: words and whole numbers."""

from __future__ import annotations

import pytest

from lineproof.cli.lists import numbers, words
from lineproof.errors import InputError


def test_what_is_not_given_is_an_empty_list():
    assert words("--bases", None) == []
    assert numbers("--seeds", None, least=0) == ()


def test_words_keep_their_order_and_numbers_rise():
    assert words("--bases", "yolov8s, auto") == ["yolov8s", "auto"]
    assert numbers("--sizes", "50, 25,0100", least=1) == (25, 50, 100)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "--seeds : '' is no whole number from 1 on"),
        ("1,", "--seeds 1,: '' is no whole number from 1 on"),
        ("1,x", "'x' is no whole number"),
        ("0", "'0' is no whole number from 1 on"),
        ("-1", "'-1' is no whole number"),
        ("1.5", "'1.5' is no whole number"),
        ("2,1,2", "2 stands there twice"),
    ],
)
def test_what_is_no_list_of_numbers_is_named(text: str, said: str):
    with pytest.raises(InputError, match=said):
        numbers("--seeds", text, least=1)


@pytest.mark.parametrize("text", ["", "auto,", "a,,b"])
def test_a_missing_word_is_named(text: str):
    with pytest.raises(InputError, match=f"--bases '{text}': a name is missing"):
        words("--bases", text)
