"""The chain as pure arithmetic: what breaks it, where, and what only a kept head can show."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineproof.records.chain import (
    ORIGIN,
    Break,
    Head,
    Intact,
    Link,
    Removed,
    canonical,
    content_sha256,
    link_sha256,
    verify,
)
from lineproof.records.entries import gaps_between


def chain(contents: list[str]) -> list[Link]:
    """A sound chain over these contents."""
    links, previous = [], ORIGIN
    for position, content in enumerate(contents):
        digest = content_sha256({"told": content})
        links.append(Link(f"row {position}", position, digest, previous, link_sha256(previous, position, digest)))
        previous = links[-1].sha256
    return links


def rehashed(links: list[Link]) -> list[Link]:
    """What somebody makes of a tampered chain who knows how it is computed."""
    made, previous = [], ORIGIN
    for position, link in enumerate(links):
        sha256 = link_sha256(previous, position, link.content_sha256)
        made.append(replace(link, position=position, previous_sha256=previous, sha256=sha256))
        previous = sha256
    return made


def head(links: list[Link]) -> Head:
    return Head("db", links[-1].position, links[-1].sha256)


SOUND = chain([str(number) for number in range(8)])
FORGED = content_sha256({"told": "forged"})


def test_a_known_answer():
    content = hashlib.sha256(b'{"told":"0"}').hexdigest()
    told = bytes(32) + bytes(8) + bytes.fromhex(content)
    assert SOUND[0].sha256 == hashlib.sha256(told).hexdigest()
    assert verify(SOUND) == Intact(8, SOUND[-1].sha256)
    assert verify([]) == Intact(0, ORIGIN)


def test_canonical_bytes_do_not_depend_on_order_or_zone():
    noon = datetime(2026, 11, 26, 12, 0, 0, 5, UTC)
    there = noon.astimezone(timezone(timedelta(hours=5)))
    assert canonical({"b": noon, "a": "é"}) == canonical({"a": "é", "b": there})
    assert canonical({"b": noon, "a": "é"}) == b'{"a":"\\u00e9","b":"2026-11-26T12:00:00.000005+00:00"}'
    with pytest.raises(TypeError, match="bytes has no place"):
        canonical({"a": b""})


def swapped(links: list[Link]) -> list[Link]:
    """Two rows changed places, and their positions with them."""
    one, other = replace(links[3], position=4), replace(links[4], position=3)
    return [*links[:3], other, one, *links[5:]]


@pytest.mark.parametrize(
    ("tampered", "position", "why"),
    [
        ([*SOUND[:3], replace(SOUND[3], content_sha256=FORGED), *SOUND[4:]], 3, "was changed or moved"),
        (
            [
                *SOUND[:3],
                replace(SOUND[3], content_sha256=FORGED, sha256=link_sha256(SOUND[3].previous_sha256, 3, FORGED)),
                *SOUND[4:],
            ],
            4,
            "does not follow the entry before it",
        ),
        ([*SOUND[:3], *SOUND[4:]], 3, "are missing"),
        ([*SOUND[:2], *SOUND[6:]], 2, "are missing"),
        (swapped(SOUND), 3, "was changed or moved"),
        ([*SOUND[:4], replace(SOUND[3], what="a second row 3"), *SOUND[4:]], 3, "stands where another entry stood"),
        ([*SOUND[:4], SOUND[5], SOUND[4], *SOUND[6:]], 4, "are missing"),
        ([*SOUND[:3], replace(SOUND[3], sha256="no hash"), *SOUND[4:]], 3, "has no valid hash"),
        (SOUND[1:], 0, "are missing"),
    ],
    ids=[
        "edited",
        "edited-rehashed",
        "deleted",
        "deleted-four",
        "swapped",
        "inserted",
        "order",
        "no-hash",
        "no-genesis",
    ],
)
def test_the_first_break_is_named(tampered, position, why):
    broken = verify(tampered)
    assert isinstance(broken, Break)
    assert broken.position == position
    assert why in broken.why


def test_a_cut_tail_is_seen_only_against_a_kept_head():
    assert verify(SOUND[:6]) == Intact(6, SOUND[5].sha256)
    broken = verify(SOUND[:6], heads=[head(SOUND)])
    assert broken == Break(6, "entries 6–7", "are missing: the tail was cut off")


def test_a_chain_rewritten_to_its_end_is_seen_only_against_a_kept_head():
    forged = rehashed([*SOUND[:3], replace(SOUND[3], content_sha256=FORGED), *SOUND[4:]])
    assert isinstance(verify(forged), Intact)
    assert verify(forged, heads=[head(SOUND)]).why.startswith("is not the one of the kept head")
    shorter = rehashed([*SOUND[:3], *SOUND[4:]])
    assert isinstance(verify(shorter), Intact)
    assert verify(shorter, heads=[head(SOUND)]).why == "are missing: the tail was cut off"


def test_a_kept_head_may_lag_behind():
    assert isinstance(verify(SOUND, heads=[head(SOUND[:5]), head(SOUND)]), Intact)


def gap(first: int, last: int) -> Removed:
    return Removed(first, last, SOUND[first].previous_sha256, SOUND[last].sha256)


@pytest.mark.parametrize(
    "gaps", [[gap(2, 4)], [gap(2, 2), gap(3, 4)], [gap(2, 2), gap(3, 3), gap(4, 4)]], ids=["one", "two", "three"]
)
def test_a_checkpoint_joins_what_retention_left(gaps):
    left = [*SOUND[:2], *SOUND[5:]]
    assert verify(left, gaps, [head(SOUND)]) == Intact(8, SOUND[-1].sha256)


@pytest.mark.parametrize(
    ("left", "gaps", "position", "why"),
    [
        ([*SOUND[:2], *SOUND[5:]], [gap(2, 3)], 4, "are missing"),
        ([*SOUND[:2], *SOUND[5:]], [gap(3, 4)], 2, "are missing"),
        ([*SOUND[:2], *SOUND[4:]], [gap(2, 4)], 2, "are missing"),
        ([*SOUND[:2], *SOUND[5:]], [replace(gap(2, 4), previous_sha256=FORGED)], 2, "do not follow"),
        ([*SOUND[:2], *SOUND[5:]], [replace(gap(2, 4), sha256=FORGED)], 5, "does not follow"),
    ],
    ids=["too-short", "too-late", "overlaps-a-row", "other-start", "other-end"],
)
def test_a_checkpoint_must_fit(left, gaps, position, why):
    broken = verify(left, gaps)
    assert broken.position == position
    assert why in broken.why


def test_the_newest_rows_may_go_as_well():
    assert verify(SOUND[:6], [gap(6, 7)], [head(SOUND)]) == Intact(8, SOUND[-1].sha256)


@given(gone=st.sets(st.integers(1, 30)), steps=st.integers(1, 4))
def test_whatever_retention_removes_in_whatever_steps_the_rest_joins_up(gone, steps):
    links = chain([str(number) for number in range(32)])
    order = sorted(gone, key=lambda number: (number % steps, number))
    gaps = []
    for step in range(steps):
        portion = sorted(number for number in order if number % steps == step)
        gaps += gaps_between([(n, links[n].previous_sha256, links[n].sha256) for n in portion])
    left = [link for link in links if link.position not in gone]
    assert verify(left, gaps, [head(links)]) == Intact(32, links[-1].sha256)


@given(
    contents=st.lists(st.text(max_size=4), min_size=2, max_size=20, unique=True),
    data=st.data(),
)
def test_any_single_change_is_seen(contents, data):
    links = chain(contents)
    at = data.draw(st.integers(0, len(links) - 1))
    how = data.draw(st.sampled_from(["content", "previous", "hash", "delete", "duplicate", "swap"]))
    tampered = list(links)
    if how == "delete":
        del tampered[at]
    elif how == "duplicate":
        tampered.insert(at, links[at])
    elif how == "swap":
        tampered[at - 1], tampered[at] = tampered[at], tampered[at - 1]
    else:
        field = {"content": "content_sha256", "previous": "previous_sha256", "hash": "sha256"}[how]
        tampered[at] = replace(links[at], **{field: FORGED})
    assert isinstance(verify(tampered, heads=[head(links)]), Break)
