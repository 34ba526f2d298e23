"""Oldest PASS images first, then REVIEW; FAULT and FAIL only when allowed; rows stay longer."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import delete, select

from builders import inspection
from lineproof.core import Decision, Reason, Verdict
from lineproof.records.database import database_url, open_engine
from lineproof.records.images import IMAGES, StoredImage, image_path
from lineproof.records.model import InspectionRow
from lineproof.records.reserve import SIZE_BYTES, Reserve
from lineproof.records.retention import LOW_WATER, ORDER, Retention
from lineproof.records.rows import row_of
from lineproof.records.settings import RetentionSettings
from lineproof.records.store import Store

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ENDLESS = 10**15


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    engine = open_engine(database_url(folder, None))
    yield folder, engine, Store(engine)
    engine.dispose()


def fill(place, images: list[tuple[Decision, int, float]]) -> None:
    """Rows oldest first, each with an image of so many bytes, grabbed so many days ago."""
    folder, engine, store = place
    shutil.rmtree(folder / IMAGES, ignore_errors=True)
    with engine.begin() as connection:
        connection.execute(delete(InspectionRow))
    rows = []
    for decision, size, days in sorted(images, key=lambda image: -image[2]):
        verdict = Verdict(decision, () if decision is Decision.PASS else (Reason("r", "t"),))
        one = inspection("p", verdict, grabbed_at=NOW - timedelta(days=days))
        stored = StoredImage(image_path(one, ".png"), "0" * 64, size)
        (folder / stored.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / stored.path).write_bytes(bytes(size))
        rows.append(row_of(one, "", stored, ""))
    if rows:
        store.insert(rows)


def kept(place) -> list[tuple[int, Decision, int]]:
    _, engine, _ = place
    columns = (InspectionRow.sequence, InspectionRow.decision, InspectionRow.image_bytes)
    with engine.connect() as connection:
        rows = connection.execute(select(*columns).where(InspectionRow.image_path.is_not(None)))
        return [(sequence, Decision(decision), size) for sequence, decision, size in rows]


def files(folder: Path) -> int:
    return sum(1 for _ in folder.rglob("*.png"))


def retention(place, free: int = ENDLESS, **settings) -> Retention:
    folder, _, store = place
    return Retention(store, folder, RetentionSettings(**settings), Reserve(folder, 0), lambda _: free)


images = st.lists(st.tuples(st.sampled_from(list(Decision)), st.integers(1, 400), st.floats(0, 30)), max_size=12)


@examples(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(images=images, limit=st.integers(1, 3000), rejects=st.booleans())
def test_what_goes_and_what_stays(place, images, limit, rejects):
    fill(place, images)
    before = kept(place)
    limited = retention(place, max_gb=limit / 1e9, delete_rejects=rejects)
    while limited.step(NOW):
        pass
    after = kept(place)
    total = sum(size for *_, size in after)
    gone = [image for image in before if image not in after]
    order = ORDER if rejects else ORDER[:2]

    assert limited.kept_bytes() == total
    assert files(place[0]) == len(after)
    assert all(decision in order for _, decision, _ in gone)
    assert total <= limit or not any(decision in order for _, decision, _ in after)
    if sum(size for *_, size in before) <= limit:
        assert gone == []
    for sequence, decision, size in gone:
        # Nobody less wanted stayed, nobody older of the same kind, and without this one there was too much.
        assert not any(ORDER.index(other) < ORDER.index(decision) for _, other, _ in after)
        assert not any(other is decision and number < sequence for number, other, _ in after)
        later = [s for n, d, s in gone if (ORDER.index(d), n) > (ORDER.index(decision), sequence)]
        assert total + sum(later) + size > int(limit * LOW_WATER)


def test_the_row_stays_and_tells_when_its_image_went(place):
    fill(place, [(Decision.PASS, 100, 1)])
    retention(place, max_gb=1e-9).step(NOW)
    with place[1].connect() as connection:
        row = connection.execute(select(InspectionRow.image_removed_at, InspectionRow.image_sha256)).one()
    assert row.image_removed_at == NOW
    assert len(row.image_sha256) == 64


def test_images_older_than_allowed_go_but_never_a_fail(place):
    fill(place, [(decision, 10, days) for decision in Decision for days in (1, 9, 11)])
    retention(place, max_days=10).step(NOW)
    assert sorted(decision for _, decision, _ in kept(place)) == sorted(
        [*Decision] * 2 + [Decision.FAIL, Decision.FAULT]
    )


def test_rows_without_an_image_go_after_their_time(place):
    fill(place, [(Decision.PASS, 10, 100), (Decision.FAIL, 10, 100), (Decision.PASS, 10, 20)])
    old = retention(place, max_days=30, max_row_days=60)
    while old.step(NOW):
        pass
    with place[1].connect() as connection:
        left = connection.execute(select(InspectionRow.decision).order_by(InspectionRow.sequence)).scalars().all()
    assert left == ["FAIL", "PASS"]


def test_space_for_others_is_made_from_images(place):
    fill(place, [(Decision.PASS, 100, days) for days in (3, 2, 1)])
    retention(place, free=SIZE_BYTES - 150, min_free_gb=0).step(NOW)
    assert len(kept(place)) == 1


def test_an_image_is_refused_when_nothing_may_go(place):
    fill(place, [(Decision.FAIL, 100, 1)])
    full = retention(place, max_gb=120e-9)
    assert full.refusal(10) == ""
    assert full.refusal(50) == "images reached 1.2e-07 GB and none may be removed (records.retention)"
    assert "are free" in retention(place, free=1).refusal(10)


def test_room_for_an_image_is_made_before_it_is_written(place):
    fill(place, [(Decision.PASS, 100, 2), (Decision.PASS, 100, 1)])
    assert retention(place, max_gb=250e-9).refusal(100) == ""
    assert len(kept(place)) == 1
