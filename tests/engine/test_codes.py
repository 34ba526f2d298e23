"""Part ids from codes that are drawn here: turned, blurred, faint, none, two."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lineproof.engine.codes import CodeReader, CodeSettings
from lineproof.errors import EngineError, SettingsError
from lineproof.settings import parse_settings

PAPER = 200
# ISO/IEC 15420: seven modules for each digit; L as printed, R its inverse, G the mirrored R, chosen by the first digit.
LEFT = ["0001101", "0011001", "0010011", "0111101", "0100011", "0110001", "0101111", "0111011", "0110111", "0001011"]
PARITY = ["LLLLLL", "LLGLGG", "LLGGLG", "LLGGGL", "LGLLGG", "LGGLLG", "LGGGLL", "LGLGLG", "LGLGGL", "LGGLGL"]


def qr(text: str, module_px: int = 6) -> np.ndarray:
    drawn = cv2.QRCodeEncoder.create().encode(text)
    return cv2.resize(drawn, None, fx=module_px, fy=module_px, interpolation=cv2.INTER_NEAREST)


def with_check_digit(twelve: str) -> str:
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(twelve))
    return twelve + str(-total % 10)


def inverse(bits: str) -> str:
    return bits.translate(str.maketrans("01", "10"))


def ean_13(digits: str, module_px: int = 3) -> np.ndarray:
    first, *rest = (int(digit) for digit in digits)
    left = "".join(
        LEFT[digit] if parity == "L" else inverse(LEFT[digit])[::-1]
        for digit, parity in zip(rest[:6], PARITY[first], strict=True)
    )
    right = "".join(inverse(LEFT[digit]) for digit in rest[6:])
    bits = np.array([bit == "0" for bit in "101" + left + "01010" + right + "101"], np.uint8) * 255
    row = np.pad(np.repeat(bits, module_px), 11 * module_px, constant_values=255)
    return np.pad(np.tile(row, (90, 1)), ((12, 12), (0, 0)), constant_values=255)


def scene(*codes: np.ndarray, width: int = 640, height: int = 480) -> np.ndarray:
    """Codes side by side on grey paper, slightly unsharp as a lens is."""
    grey = np.full((height, width), PAPER, np.uint8)
    for number, code in enumerate(codes):
        x = width * (2 * number + 1) // (2 * len(codes)) - code.shape[1] // 2
        y = (height - code.shape[0]) // 2
        grey[y : y + code.shape[0], x : x + code.shape[1]] = code
    return cv2.cvtColor(cv2.GaussianBlur(grey, (0, 0), 0.7), cv2.COLOR_GRAY2BGR)


def turned(image: np.ndarray, degrees: float) -> np.ndarray:
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return cv2.warpAffine(image, matrix, (width, height), borderValue=(PAPER,) * 3)


def faint(image: np.ndarray, contrast: float) -> np.ndarray:
    return np.clip(128 + (image.astype(np.float32) - 128) * contrast, 0, 255).astype(np.uint8)


def noisy(image: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, sigma, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def read(image: np.ndarray, **settings: object) -> str | None:
    return CodeReader(CodeSettings(**settings)).read(image)


@pytest.mark.parametrize("degrees", [0, 5, 17, 45, 90, 137, 180, 271])
def test_a_turned_qr_code(degrees):
    assert read(turned(scene(qr("PART-4711")), degrees)) == "PART-4711"


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda image: cv2.GaussianBlur(image, (0, 0), 1),
        lambda image: faint(image, 0.2),
        lambda image: noisy(image, 10),
        lambda image: np.ascontiguousarray(image[:, ::-1])[:, ::-1],
    ],
    ids=["blurred", "faint", "noisy", "not contiguous"],
)
def test_a_spoilt_qr_code(spoilt):
    assert read(spoilt(scene(qr("PART-4711")))) == "PART-4711"


@pytest.mark.parametrize(
    "digits", [with_check_digit(twelve) for twelve in ("400638133393", "590123412345", "978020137962")]
)
@pytest.mark.parametrize("degrees", [0, 10])
def test_an_ean_13(digits, degrees):
    assert read(turned(scene(ean_13(digits)), degrees), kinds=("ean_13",)) == digits


def test_only_the_kinds_that_were_named():
    image = scene(ean_13(with_check_digit("400638133393")))
    assert read(image) is None
    assert read(scene(qr("PART-4711")), kinds=("ean_13",)) is None
    assert read(image, kinds=("ean_8",)) is None


@pytest.mark.parametrize("image", [scene(), noisy(scene(), 40)], ids=["paper", "noise"])
@pytest.mark.parametrize("kinds", [("qr",), ("qr", "ean_13", "ean_8", "upc_a")])
def test_no_code_is_no_id(image, kinds):
    assert read(image, kinds=kinds) is None


@pytest.mark.parametrize("how", [lambda image: image, lambda image: faint(image, 0.4)], ids=["good", "faint"])
def test_two_codes_are_an_error_that_names_both(how):
    image = how(scene(qr("PART-4711"), qr("PART-4712")))
    with pytest.raises(EngineError, match=r"two codes are in view: 'PART-4711' and 'PART-4712'"):
        read(image)


def test_a_qr_code_beside_a_barcode_is_two():
    digits = with_check_digit("400638133393")
    with pytest.raises(EngineError, match=f"'{digits}' and 'PART-4711'"):
        read(scene(qr("PART-4711", 4), ean_13(digits, 2)), kinds=("qr", "ean_13"))


def test_the_same_code_twice_is_one_id():
    assert read(scene(qr("PART-4711"), qr("PART-4711"))) == "PART-4711"


def test_the_pattern_says_which_code_is_the_id():
    image = scene(qr("PART-4711"), qr("BOX 99"))
    assert read(image, pattern=r"PART-\d{4}") == "PART-4711"
    assert read(image, pattern=r"PART-\d{3}") is None, "the whole text, not a piece of it"


def test_the_region_leaves_out_what_lies_beside_it():
    image = scene(qr("PART-4711"), qr("PART-4712"))
    assert read(image, region={"x": 320, "y": 0, "width": 320, "height": 480}) == "PART-4712"
    with pytest.raises(EngineError, match="does not lie in the frame"):
        read(image, region={"x": 600, "y": 0, "width": 320, "height": 480})


@pytest.mark.parametrize("text", ["AB\x1dCD", "AB\tCD", "AB\nCD", "\x07"])
def test_control_characters_are_refused(text):
    with pytest.raises(EngineError, match="has control characters"):
        read(scene(qr(text)))


def test_length_is_limited_and_nothing_is_cut_off():
    text = "X" * 40
    assert read(scene(qr(text, 5))) == text
    with pytest.raises(EngineError, match="has 40 characters, more than 16"):
        read(scene(qr(text, 5)), max_chars=16)


def test_letters_beyond_ascii_are_kept():
    assert read(scene(qr("Öse-7"))) == "Öse-7"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"pattern": "("}, "not a regular expression"),
        ({"kinds": []}, "kinds"),
        ({"kinds": ["code_128"]}, "'ean_13'"),
        ({"max_chars": 0}, "max_chars"),
        ({"patern": "x"}, "did you mean 'pattern'?"),
    ],
)
def test_what_is_wrong_is_said(data, message):
    with pytest.raises(SettingsError) as refused:
        parse_settings(data, CodeSettings, "line.yaml")
    assert message in str(refused.value)
