"""Two models on one log, or a model and none: what each foresaw, and what follows from that."""

import shutil
from pathlib import Path

import pytest
from sklearn.metrics import roc_auc_score

from streams.replay import compare
from tests.streams.replay.shop_log import MODELS, WITH_MODEL, write_shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("shop"))


def test_no_model_beside_a_model_is_not_asked_after_events(shop: Path) -> None:
    found = compare(shop, scores=["model", "rules"], settings=WITH_MODEL)

    assert [one.what for one in found.facts.changed] == ["model", "scores"]
    assert (found.facts.a.label, found.facts.b.label) == ("model", "rules")
    assert found.facts.b.modes["model"] == 0 < found.facts.a.modes["model"]
    assert {one.reason for one in found.facts.differing if one.a_kind == "cart_at_risk"} == {"not_asked"}
    assert [(one.side, one.score) for one in found.facts.foresights] == [("A", "abandon_30m"), ("A", "purchase_24h")]
    scored = found.decisions.filter("side = 'A' AND asked = 'event' AND cart_abandoned IS NOT NULL")
    labels, scores = zip(*scored.select("cart_abandoned, abandon_30m").fetchall(), strict=True)
    assert found.facts.foresights[0].auc == pytest.approx(roc_auc_score(labels, scores), abs=1e-6)
    assert found.facts.foresights[0].known == len(labels) > 100


def test_two_versions_of_a_model_are_told_apart_and_the_same_numbers_give_no_difference(
    shop: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "models/abandon_lstm"
    shutil.copytree(MODELS / "abandon_lstm/1", copy / "1")
    shutil.copytree(copy / "1", copy / "2")

    facts = compare(shop, models=[copy / "1", copy], settings=WITH_MODEL).facts

    assert [one.what for one in facts.changed] == ["model"]
    assert facts.carts.same == facts.carts.both == facts.a.sent > 0
    assert facts.differing == ()
    assert [one.side for one in facts.foresights] == ["A", "A", "B", "B"]
    assert facts.foresights[0].curve == facts.foresights[2].curve != ()
