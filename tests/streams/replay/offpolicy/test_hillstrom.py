"""Uplift on Hillstrom's e-mail experiment: 64,000 customers, an e-mail about men's or women's things, or none.

Published: 18.28 % (men's), 15.14 % (women's) and 10.62 % (none) of the customers visited the shop.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from streams.commands.bench import bench
from streams.replay.offpolicy.estimate import estimates
from streams.replay.offpolicy.feedback import feedback
from streams.replay.offpolicy.hillstrom import ARMS, Customers, customers, of_arm
from streams.replay.offpolicy.uplift import STEPS, Uplift, uplift

FILE = Path(__file__).parents[4].parent / "shared/data/hillstrom/hillstrom.csv.gz"
VISITS = {"Mens E-Mail": 0.1828, "Womens E-Mail": 0.1514, "No E-Mail": 0.1062}

pytestmark = pytest.mark.skipif(not FILE.exists(), reason=f"NOT RUN: {FILE} is not there")


@pytest.fixture(scope="module")
def everybody() -> Customers:
    return customers(FILE)


@pytest.fixture(scope="module")
def found(everybody: Customers) -> dict[str, Uplift]:
    return {name: uplift(of_arm(everybody, name)) for name in ARMS[1:]}


def test_the_arms_visit_as_was_published(everybody: Customers) -> None:
    assert len(everybody.visited) == 64_000
    for name, published in VISITS.items():
        assert everybody.visited[everybody.arm == ARMS.index(name)].mean() == pytest.approx(published, abs=5e-5)


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
def test_the_area_under_the_curve_is_that_of_scikit_uplift(everybody: Customers, name: str, area: float) -> None:
    spent = of_arm(everybody, name)._replace(score=everybody.known[np.isin(everybody.arm, (0, ARMS.index(name))), 1])

    assert uplift(spent, resamples=1).qini.value == pytest.approx(area, abs=1e-12)


def test_a_ranking_by_chance_has_no_qini(everybody: Customers) -> None:
    plain = of_arm(everybody, "Womens E-Mail")
    by_chance = plain._replace(score=np.random.default_rng(5).random(len(plain.score)))

    qini = uplift(by_chance).qini

    assert qini.interval.low < 0 < qini.interval.high


def test_off_policy_estimates_of_sending_to_all_are_the_means_of_the_arms(everybody: Customers) -> None:
    n = len(everybody.visited)
    for name, published in VISITS.items():
        same = (everybody.arm == ARMS.index(name)).astype(float)
        told = estimates(feedback(everybody.visited, np.full(n, 1 / 3), same), resamples=50)
        assert told.policy["snips"].value == pytest.approx(published, abs=5e-5)
        assert told.policy["ips"].value == pytest.approx(published, abs=0.001)
        assert told.overlap.warnings == ()


def test_the_command_tells_it_as_one_json_object_or_as_a_table() -> None:
    told = json.loads(CliRunner().invoke(bench, ["uplift", str(FILE), "--json"]).stdout)
    assert told.keys() == set(ARMS[1:])
    assert told["Mens E-Mail"]["difference"][0] == pytest.approx(0.0766, abs=5e-5)

    shown = CliRunner().invoke(bench, ["uplift", str(FILE)]).output
    assert "Womens E-Mail  difference +4.52 points" in shown
