from __future__ import annotations

import pytest

from lineproof.data.card import load_card
from lineproof.data.dataset import open_dataset
from lineproof.data.importer import ImportOptions, import_dataset


def test_every_card_is_complete(repo):
    cards = sorted((repo / "datasets").glob("*.yaml"))
    assert {card.stem for card in cards} == {"magnetic-tile", "neu-det"}
    for card in cards:
        assert load_card(card).classes


@pytest.mark.shared
@pytest.mark.parametrize("name", ["neu-det", "magnetic-tile"])
def test_a_card_names_the_images_it_says(repo, shared_root, tmp_path, name):
    card = load_card(repo / "datasets" / f"{name}.yaml")
    import_dataset(shared_root / "data" / name, tmp_path / "out", ImportOptions(format=card.format, unlabelled="skip"))
    data = open_dataset(tmp_path / "out")
    assert (len(data.samples), sum(len(s.truth) for s in data.samples)) == (card.images, card.instances)
    assert list(data.classes) == card.classes
    assert data.content_hash == f"sha256:{card.content_hash}"
