from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lineproof.core.decode import REDUCTIONS
from lineproof.engine.letterbox import Fit
from lineproof.engine.reducing import reduce_for

sides = st.integers(1, 700).map(lambda n: 8 * n) | st.integers(1, 5000)
input_sides = st.integers(1, 40).map(lambda n: 32 * n)


@given(sides, sides, input_sides, input_sides)
def test_the_letterbox_never_enlarges_a_reduced_picture_whichever_way_it_is_turned(width, height, input_w, input_h):
    times = reduce_for((input_w, input_h))((width, height))
    for whole_wh in ((width, height), (height, width)):
        small_wh = whole_wh[0] // times, whole_wh[1] // times
        assert times == 1 or max(Fit.between(small_wh, (input_w, input_h)).gain_xy) <= 1


@given(sides, sides, input_sides, input_sides)
def test_a_reduced_picture_lies_where_the_whole_one_does(width, height, input_w, input_h):
    times = reduce_for((input_w, input_h))((width, height))
    full = Fit.between((width, height), (input_w, input_h))
    small = Fit.between((width // times, height // times), (input_w, input_h))
    assert (small.scaled_wh, small.left, small.top) == (full.scaled_wh, full.left, full.top)


def test_the_size_of_the_input_decides():
    assert reduce_for((640, 480))((1280, 960)) == 2
    assert reduce_for((320, 256))((1280, 960)) == 4
    assert reduce_for((640, 640))((1920, 1080)) == 2
    assert reduce_for((640, 480))((1279, 960)) == 1


def test_only_what_is_allowed_is_taken():
    assert reduce_for((320, 256), (2,))((1280, 960)) == 2
    assert reduce_for((320, 256), (8,))((1280, 960)) == 1
    assert reduce_for((320, 256), ())((1280, 960)) == 1


def test_a_picture_taller_than_the_input_may_have_been_turned():
    """Upright it would stay large enough at 1/4; EXIF could lay it down."""
    assert REDUCTIONS == (2, 4, 8)
    assert reduce_for((640, 480))((1000, 2000)) == 2
