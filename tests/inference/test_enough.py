"""Examples that are too few to learn from are told apart from those that are enough."""

import math

import numpy as np
import pytest

from inference.dataset import Examples, Split, gather, split
from inference.enough import check, lacking, parts_of, unlearned
from tests.inference.shop import examples


@pytest.fixture(scope="module")
def plenty() -> Split:
    return split(gather(examples(3_000)))


def changed(parts: Split, part: str, name: str, label: float) -> Split:
    """The same parts, but one of them has only this label of a head."""
    one: Examples = getattr(parts, part).copy()
    one[name] = label
    return parts._replace(**{part: one})


def test_a_month_of_thousands_of_shoppers_is_enough(plenty: Split) -> None:
    assert lacking(parts_of(plenty)) == []
    check(parts_of(plenty))


def test_rates_are_of_the_labels_that_are_known(plenty: Split) -> None:
    found = parts_of(plenty)["test"].heads

    known = plenty.test["abandon_30m"][~np.isnan(plenty.test["abandon_30m"])]
    assert found["abandon_30m"].known == len(known) < len(plenty.test)
    assert found["abandon_30m"].rate == pytest.approx(known.mean())
    assert found["next_action"].most >= found["next_action"].second > 0


def test_too_few_shoppers_are_named_however_many_examples_they_have(plenty: Split) -> None:
    few = plenty.train.copy()
    few["shopper"] = few["shopper"] % 7

    found = lacking(parts_of(plenty._replace(train=few)))

    assert found == ["shoppers in train: 7, needed are 100"]


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_without_both_ends_of_carts_there_is_nothing_to_train_by(part: str, plenty: Split) -> None:
    parts = parts_of(changed(plenty, part, "abandon_30m", 1.0))

    with pytest.raises(ValueError, match=rf"abandon_30m: 0 of [\d,]+ examples in {part} .*needed are .*--force"):
        check(parts)
    check(parts, force=True)


def test_a_head_that_kairos_asks_for_must_be_learned_but_may_be_judged_another_time(plenty: Split) -> None:
    in_train, in_test = (parts_of(changed(plenty, part, "purchase_24h", math.nan)) for part in ("train", "test"))

    assert lacking(in_train) == ["purchase_24h: no label is known in train; it looks 24 h ahead, within its part"]
    assert lacking(in_test) == []
    assert "purchase_24h: no label is known in test; it looks 24 h ahead, within its part" in unlearned(in_test)


def test_a_log_of_weeks_says_nothing_about_churn_and_trains_the_rest(plenty: Split) -> None:
    found = parts_of(plenty)

    assert unlearned(found)[0].startswith("churn_30d: no label is known in train, validation")
    assert lacking(found) == []
