"""Lists as they are typed: words and whole numbers separated by commas."""

from __future__ import annotations

from lineproof.errors import InputError


def words(option: str, text: str | None) -> list[str]:
    """`a, b` as words in their order; none for no text. Raises InputError for an empty place."""
    found = _places(text)
    if not all(found):
        raise InputError(f"{option} {text!r}: a name is missing", hint="names separated by commas")
    return found


def numbers(option: str, text: str | None, *, least: int) -> tuple[int, ...]:
    """`50,25` as numbers, each once, in rising order; none for no text. Raises InputError that names option and word."""
    found: set[int] = set()
    for word in _places(text):
        if not word.isdecimal() or int(word) < least:
            raise InputError(f"{option} {text}: {word!r} is no whole number from {least} on")
        if int(word) in found:
            raise InputError(f"{option} {text}: {word} stands there twice")
        found.add(int(word))
    return tuple(sorted(found))


def _places(text: str | None) -> list[str]:
    return [] if text is None else [word.strip() for word in text.split(",")]
