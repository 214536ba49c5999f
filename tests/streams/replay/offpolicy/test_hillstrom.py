"""Uplift on Hillstrom's e-mail experiment: 64,000 customers, an e-mail about men's or women's things, or none.

Published: 18.28 % (men's), 15.14 % (women's) and 10.62 % (none) of the customers visited the shop.
"""

import csv
import gzip
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from streams.replay.offpolicy.estimate import estimates
from streams.replay.offpolicy.feedback import feedback
from streams.replay.offpolicy.outcome_model import expectations
from streams.replay.offpolicy.uplift import STEPS, Experiment, Uplift, uplift

FILE = Path(__file__).parents[4].parent / "shared/data/hillstrom/hillstrom.csv.gz"
ARMS = ("No E-Mail", "Mens E-Mail", "Womens E-Mail")
VISITS = {"Mens E-Mail": 0.1828, "Womens E-Mail": 0.1514, "No E-Mail": 0.1062}

pytestmark = pytest.mark.skipif(not FILE.exists(), reason=f"NOT RUN: {FILE} is not there")


class Customers(NamedTuple):
    """Features of shape (n, d), the arm as a place in ARMS, and whether they visited."""

    features: np.ndarray
    arm: np.ndarray
    visit: np.ndarray


@pytest.fixture(scope="module")
def customers() -> Customers:
    with gzip.open(FILE, "rt") as file:
        rows = list(csv.DictReader(file))
    numbers = [
        [float(row["recency"]), float(row["history"]), float(row["mens"]), float(row["womens"]), float(row["newbie"])]
        + [float(row["zip_code"] == zone) for zone in ("Urban", "Rural")]
        + [float(row["channel"] == channel) for channel in ("Web", "Phone")]
        for row in rows
    ]
    return Customers(
        np.array(numbers),
        np.array([ARMS.index(row["segment"]) for row in rows]),
        np.array([float(row["visit"]) for row in rows]),
    )


def of_arm(customers: Customers, name: str) -> Experiment:
    """One e-mail against none, ranked by what it is expected to add, fitted on other customers."""
    here = np.isin(customers.arm, (0, ARMS.index(name)))
    given = (customers.arm[here] > 0).astype(np.int64)
    visit, features = customers.visit[here], customers.features[here]
    model = expectations(features, given, visit, np.arange(len(visit)), acts=2)
    return Experiment(visit, given, model[:, 1] - model[:, 0])


@pytest.fixture(scope="module")
def found(customers: Customers) -> dict[str, Uplift]:
    return {name: uplift(of_arm(customers, name)) for name in ARMS[1:]}


def test_the_arms_visit_as_was_published(customers: Customers) -> None:
    assert len(customers.visit) == 64_000
    for name, published in VISITS.items():
        assert customers.visit[customers.arm == ARMS.index(name)].mean() == pytest.approx(published, abs=5e-5)


@pytest.mark.parametrize(("name", "points"), [("Mens E-Mail", 7.66), ("Womens E-Mail", 4.52)])
def test_the_difference_of_the_arms_is_the_published_uplift_and_the_end_of_the_curve(
    found: dict[str, Uplift], name: str, points: float
) -> None:
    one = found[name]

    assert 100 * one.difference.value == pytest.approx(points, abs=0.01)
    assert one.curve[-1].value == pytest.approx(one.difference.value, abs=1e-12)
    low, high = one.difference.interval
    # two proportions of some 21,300 people each: 1.96 sqrt(p q / n + p q / n) is 0.67 and 0.64 points
    assert high - one.difference.value == pytest.approx(0.0065, abs=0.0003)
    assert one.curve[-1].interval == pytest.approx((low, high), abs=0.0015)


def test_the_womens_mail_can_be_targeted_and_the_mens_hardly(found: dict[str, Uplift]) -> None:
    women, men = found["Womens E-Mail"], found["Mens E-Mail"]

    assert women.qini.interval.low > 0
    assert women.qini.value > 3 * men.qini.value
    half = women.curve[STEPS // 2].value
    assert half > 0.6 * women.difference.value, "half of the mails bring more than 60 % of the visits"


@pytest.mark.parametrize(
    ("name", "area"), [("Mens E-Mail", 0.0024570625335632226), ("Womens E-Mail", 0.00031518440662892236)]
)
def test_the_area_under_the_curve_is_that_of_scikit_uplift(customers: Customers, name: str, area: float) -> None:
    spent = of_arm(customers, name)._replace(score=customers.features[np.isin(customers.arm, (0, ARMS.index(name))), 1])

    assert uplift(spent, resamples=1).qini.value == pytest.approx(area, abs=1e-12)


def test_a_ranking_by_chance_has_no_qini(customers: Customers) -> None:
    plain = of_arm(customers, "Womens E-Mail")
    by_chance = plain._replace(score=np.random.default_rng(5).random(len(plain.score)))

    qini = uplift(by_chance).qini

    assert qini.interval.low < 0 < qini.interval.high


def test_off_policy_estimates_of_sending_to_all_are_the_means_of_the_arms(customers: Customers) -> None:
    n = len(customers.visit)
    for name, published in VISITS.items():
        same = (customers.arm == ARMS.index(name)).astype(float)
        told = estimates(feedback(customers.visit, np.full(n, 1 / 3), same), resamples=50)
        assert told.policy["snips"].value == pytest.approx(published, abs=5e-5)
        assert told.policy["ips"].value == pytest.approx(published, abs=0.001)
        assert told.overlap.warnings == ()
