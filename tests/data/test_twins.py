import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn_dataset import expose, texture
from lineproof.data.twins import TwinFinder
from lineproof.data.twins.turns import SPECTRAL_MAPS, TURNS, Band, Turn, cyclic_offset, turn_picture

UNRELATED = [texture(seed, (160, 120)) for seed in range(100, 112)]


def find(*pictures):
    """Twins of the first pictures among unrelated ones."""
    everything = [*pictures, *UNRELATED]
    finder = TwinFinder([(p.shape[1], p.shape[0]) for p in everything])
    for row, picture in enumerate(everything):
        finder.add(row, picture)
    return finder.twins()


def jpeg(picture, quality):
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def test_unrelated_pictures_have_no_twins():
    assert find() == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("darker", lambda p: expose(p, 0.5)),
        ("gamma", lambda p: expose(p, 1.0, 1.6)),
        ("jpeg", lambda p: jpeg(p, 60)),
        ("noise", lambda p: np.clip(p + np.random.default_rng(0).normal(0, 4, p.shape), 0, 255).astype(np.uint8)),
        ("half size", lambda p: cv2.resize(p, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)),
        ("larger", lambda p: cv2.resize(p, None, fx=1.6, fy=1.6, interpolation=cv2.INTER_CUBIC)),
        ("cropped", lambda p: p[6:-9, 12:-4]),
        ("shading", lambda p: (p * np.linspace(0.5, 1, p.shape[1])[None, :, None]).astype(np.uint8)),
    ],
)
def test_a_copy_is_found_whatever_was_done_to_it(name, change):
    picture = texture(1, (160, 120))
    twins = find(picture, change(picture))
    assert [(t.a, t.b, t.turn) for t in twins] == [(0, 1, Turn.SAME)], name
    assert twins[0].overlap > 0.8


@pytest.mark.parametrize("turn", list(Turn))
def test_every_turn_is_found_and_named(turn):
    picture = texture(2, (160, 120))
    turned = np.stack([turn_picture(picture[..., c].astype(np.float32), turn) for c in range(3)], axis=-1)
    twins = find(picture, expose(turned.astype(np.uint8), 0.8))
    assert [(t.a, t.b, t.turn) for t in twins] == [(0, 1, turn)]
    assert twins[0].overlap > 0.95
    assert twins[0].same_frame


def test_overlapping_crops_of_one_strip_are_twins_and_say_how_much_they_share():
    strip = texture(3, (400, 120))
    twins = find(strip[:, :160], strip[:, 80:240], strip[:, 240:])
    assert [(t.a, t.b) for t in twins] == [(0, 1)]
    assert twins[0].overlap == pytest.approx(0.5, abs=0.05)
    assert not twins[0].same_frame


def test_flat_pictures_have_nothing_to_compare():
    flat = np.full((120, 160, 3), 90, np.uint8)
    assert find(flat, flat.copy(), expose(flat, 0.5)) == []


def test_a_picture_that_was_never_added_is_nobodys_twin():
    picture = texture(4, (160, 120))
    finder = TwinFinder([(160, 120)] * 3)
    finder.add(0, picture)
    finder.add(2, picture)
    assert [(t.a, t.b) for t in finder.twins()] == [(0, 2)]


def test_no_picture_and_one_picture():
    assert TwinFinder([]).twins() == []
    finder = TwinFinder([(160, 120)])
    finder.add(0, texture(5))
    assert finder.twins() == []


def test_parts_with_the_same_outline_are_not_twins():
    """A hole and an edge in the same place on every part must not make one of all of them."""

    def part(seed):
        picture = texture(seed, (160, 120))
        cv2.circle(picture, (130, 25), 12, (5, 5, 5), -1)
        cv2.fillPoly(picture, [np.array([[0, 0], [22, 0], [0, 119]])], (5, 5, 5))
        return picture

    pictures = [part(seed) for seed in range(20)]
    pictures += [expose(pictures[0], 0.7), expose(pictures[7], 1.2)]
    finder = TwinFinder([(160, 120)] * len(pictures))
    for row, picture in enumerate(pictures):
        finder.add(row, picture)
    assert {(t.a, t.b) for t in finder.twins()} == {(0, 20), (7, 21)}


@given(st.integers(5, 30), st.integers(5, 30), st.sampled_from(list(Turn)), st.integers(0, 2**32 - 1))
def test_the_spectrum_of_a_turned_picture_is_the_reordered_spectrum(height, width, turn, seed):
    size = 32
    band = Band.ring(size, 0.02, 0.45)
    picture = np.random.default_rng(seed).normal(0, 1, (height, width)).astype(np.float32)
    turned = turn_picture(picture, turn)
    order = next(i for i, pair in enumerate(TURNS) if turn in pair)

    def spectrum(shown, shift=(0, 0)):
        canvas = np.zeros((size, size), np.float32)
        canvas[: shown.shape[0], : shown.shape[1]] = shown
        return np.fft.rfft2(np.roll(canvas, shift, (0, 1)))[band.mask]

    own = spectrum(picture)[band.orders[order]]
    own = np.where(band.conjugate[order], own.conj(), own)
    if turn is TURNS[order][1]:
        own = own.conj()
    dy, dx = cyclic_offset(turn, turned.shape)
    assert np.allclose(own, spectrum(turned, (-dy, -dx)), atol=1e-3)


def test_there_are_eight_turns_and_four_orders():
    assert {turn for pair in TURNS for turn in pair} == set(Turn)
    assert len(set(SPECTRAL_MAPS)) == 4
