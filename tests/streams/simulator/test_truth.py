"""The truth is exact: what the optimal observer expects is what happens, whichever way one looks."""

import math
from collections import defaultdict
from random import Random

import numpy as np
import pytest

from streams.simulate import simulate
from streams.simulator import process
from streams.simulator.belief import Observer
from streams.simulator.catalogue import Catalogue
from streams.simulator.happening import Visitor
from streams.simulator.law import law
from streams.simulator.life import LAND, Due, ShopperLife
from streams.simulator.process import EMPTY, IDLE_MS, INDEX, LIST, LOOK, MINDS, PICK, SEARCH, Act, CartState
from streams.simulator.sampler import Walk
from streams.simulator.shopper import Shopper
from streams.simulator.truth import Chance, Episode

ONE_EXPENSIVE = INDEX[CartState(1, 1)]
CATALOGUE = Catalogue()
NOBODY = Visitor("u-1", {"userId": "u-1"}, 0, False)


@pytest.fixture(scope="module")
def told() -> list[tuple[Chance, bool]]:
    """Every chance of a large log, in its order, with whether the cart was abandoned."""
    truth: list[Chance | Episode] = []
    list(simulate(11, 4_000, 24 * 3_600_000, truth=truth.append))
    outcome = {fact.episode: fact.outcome == "abandoned" for fact in truth if isinstance(fact, Episode)}
    return [(fact, outcome[fact.episode]) for fact in truth if isinstance(fact, Chance)]


def columns(told: list[tuple[Chance, bool]]):
    expected = np.array([chance.abandon for chance, _ in told])
    happened = np.array([outcome for _, outcome in told])
    shopper = np.unique([chance.key for chance, _ in told], return_inverse=True)[1]
    return expected, happened, shopper


def deviations(told: list[tuple[Chance, bool]]) -> float:
    """How many standard errors what happened is off what was expected. Events of one shopper go together."""
    expected, happened, shopper = columns(told)
    by_shopper = np.bincount(shopper, happened - expected)
    return float(abs(by_shopper.sum()) / np.sqrt((by_shopper**2).sum()))


def test_the_truth_is_calibrated_in_every_decile(told: list[tuple[Chance, bool]]) -> None:
    order = np.argsort([chance.abandon for chance, _ in told], kind="stable")

    for decile in np.array_split(order, 10):
        assert deviations([told[place] for place in decile]) < 4


@pytest.mark.parametrize("number", [0, 1, 3, 7])
def test_the_truth_is_calibrated_at_the_nth_event_of_an_episode(told: list[tuple[Chance, bool]], number: int) -> None:
    of_episode: dict[str, list[tuple[Chance, bool]]] = defaultdict(list)
    for row in told:
        of_episode[row[0].episode].append(row)

    nth = [rows[number] for rows in of_episode.values() if len(rows) > number]

    expected, happened, _ = columns(nth)
    for decile in np.array_split(np.argsort(expected, kind="stable"), 10):
        p = expected[decile]
        binomial_error = math.sqrt((p * (1 - p)).sum())
        assert abs(happened[decile].sum() - p.sum()) < 4 * binomial_error + 1


def test_the_truth_is_calibrated_for_carts_left_for_another_device(told: list[tuple[Chance, bool]]) -> None:
    at_event: dict[str, list[tuple[Chance, bool]]] = defaultdict(list)
    for row in told:
        at_event[row[0].message_id].append(row)

    several = [row for rows in at_event.values() if len(rows) > 1 for row in rows if row[0].abandon < 1]

    assert len(several) > 300
    assert deviations(several) < 4
    assert all(outcome for chance, outcome in told if chance.abandon == 1)


def test_the_signal_can_be_learned_but_not_too_well(told: list[tuple[Chance, bool]]) -> None:
    expected, happened, _ = columns(told)

    kept = ~happened[np.argsort(expected, kind="stable")]
    precision = np.cumsum(kept) / np.arange(1, len(kept) + 1)
    average_precision = (precision * kept).sum() / kept.sum()

    first = {chance.episode: outcome for chance, outcome in told}
    assert 0.6 < np.mean(list(first.values())) < 0.7
    assert average_precision > kept.mean() + 0.2
    assert average_precision < 0.8


def observed() -> tuple[Observer, int]:
    """What a fixed shopper did, as the observer saw it; and when the cart was last active."""
    observer = Observer(0)
    observer.wait(9_000)
    observer.clicked(LIST, PICK, 1)
    observer.wait(20_000)
    observer.clicked(PICK, LOOK, None)
    observer.wait(50_000)
    observer.acted(Act.ADD, 1)
    observer.state, observer.deadline_ms = ONE_EXPENSIVE, 50_000 + IDLE_MS
    observer.wait(75_000)
    observer.clicked(LOOK, SEARCH, None)
    return observer, 50_000


def prefix() -> list[tuple[int, list[list[float]], list[list[float]]]]:
    """What `observed` saw, from the process alone: each event's time, the rate of all acts until then, and the rate
    of the event over its highest. Both by sensitivity and mind.
    """
    rates, clicks = process.act_rates(), process.next_click()
    looks, adds = np.array(process.LOOKS_EXPENSIVE)[:, None], np.array(process.ADDS_EXPENSIVE)[:, None]
    seen = [
        (9_000, EMPTY, rates[EMPTY, :, Act.CLICK] * clicks[LIST, :, PICK] * looks),
        (20_000, EMPTY, rates[EMPTY, :, Act.CLICK] * clicks[PICK, :, LOOK]),
        (50_000, EMPTY, rates[EMPTY, :, Act.ADD] * adds),
        (75_000, ONE_EXPENSIVE, rates[ONE_EXPENSIVE, :, Act.CLICK] * clicks[LOOK, :, SEARCH]),
    ]
    return [(at_ms, rates[state].sum(axis=1).tolist(), (event / event.max()).tolist()) for at_ms, state, event in seen]


def rejected_or_at(chance: Random, seen: list, moves: list[list[float]]) -> tuple[int, int] | None:
    """Sensitivity and mind of one who happened to do the same: the prior, and rejection at each event and silence."""
    sensitive = int(chance.random() < process.SENSITIVE_SHARE)
    mind = chance.choices(range(MINDS), process.START)[0]
    now = 0.0
    for at_ms, silent, event in seen:
        while True:
            stays_ms = chance.expovariate(-moves[mind][mind])
            span = min(stays_ms, at_ms - now)
            if chance.random() > math.exp(-silent[sensitive][mind] * span):
                return None
            now += span
            if stays_ms > span:
                break
            mind = chance.choices(range(MINDS), [max(rate, 0) for rate in moves[mind]])[0]
        if chance.random() > event[sensitive][mind]:
            return None
    return sensitive, mind


def outcome_from(chance: Random, sensitive: int, mind: int, active_ms: int, now_ms: int) -> str:
    """What becomes of a cart with one expensive product: the generator itself, from a hidden state on."""
    shopper = Shopper(NOBODY, Walk(chance, sensitive, mind, now_ms), chance, CATALOGUE)
    shopper.at_ms = now_ms
    shopper.carts.hand.lines.append((CATALOGUE.shelves[0][1][0], 1))
    shopper.carts.touch(active_ms, ONE_EXPENSIVE, "opened")
    life = ShopperLife(shopper, chance, [Due(now_ms, LAND)], [], watched=False)
    life.advance()
    while not shopper.carts.ended:
        at_ms = life.advance()
        if not shopper.carts.ended:
            life.act(at_ms, "next")
    return shopper.carts.ended[0].outcome


def test_rolling_out_the_generator_from_an_observed_prefix_gives_the_same_probability() -> None:
    chance = Random(12)
    observer, active_ms = observed()
    expected = observer.abandon_chance(ONE_EXPENSIVE, active_ms + IDLE_MS - observer.at_ms, with_ids=False)

    seen, moves = prefix(), process.moves().tolist()
    accepted = [state for state in (rejected_or_at(chance, seen, moves) for _ in range(500_000)) if state]
    minds = np.bincount([sensitive * MINDS + mind for sensitive, mind in accepted], minlength=2 * MINDS)
    rolls = [outcome_from(chance, *state, active_ms, observer.at_ms) == "abandoned" for state in accepted]

    assert len(accepted) > 1_000
    belief = observer.belief
    assert np.all(np.abs(minds / len(accepted) - belief) < 4.5 * np.sqrt(belief * (1 - belief) / len(accepted)) + 1e-9)
    assert abs(np.mean(rolls) - expected) < 4 * 0.5 / math.sqrt(len(accepted))


@pytest.mark.parametrize("mind", range(MINDS))
@pytest.mark.parametrize("sensitive", [0, 1])
@pytest.mark.parametrize("left_ms", [IDLE_MS, 500_000])
def test_the_chance_from_each_hidden_state_is_what_the_generator_does(sensitive: int, mind: int, left_ms: int) -> None:
    chance = Random(f"{sensitive} {mind} {left_ms}")
    observer = Observer(0)
    observer.belief = np.eye(2 * MINDS)[sensitive * MINDS + mind]
    expected = observer.abandon_chance(ONE_EXPENSIVE, left_ms, with_ids=False)

    now_ms = IDLE_MS - left_ms
    happened = [outcome_from(chance, sensitive, mind, 0, now_ms) == "abandoned" for _ in range(600)]

    assert abs(np.mean(happened) - expected) < 4 * math.sqrt(expected * (1 - expected) / len(happened)) + 1e-9


def test_the_belief_flows_as_its_generator_says() -> None:
    step_ms = 100.0
    for state in (EMPTY, ONE_EXPENSIVE, len(process.STATES) - 1):
        flow = law().silence[state]
        moves = np.kron(np.eye(2), process.moves()) - np.diag(law().rates[state].sum(axis=0))
        step = sum(np.linalg.matrix_power(moves * step_ms, n) / math.factorial(n) for n in range(12))

        assert np.allclose(flow.after(step_ms * 4_096), np.linalg.matrix_power(step, 4_096), rtol=1e-8, atol=1e-14)
        assert np.all(np.isreal(flow.decay))


def test_asking_about_a_cart_that_is_not_open_is_refused() -> None:
    with pytest.raises(ValueError, match="expected the state of an open cart"):
        Observer(0).abandon_chance(EMPTY, IDLE_MS, with_ids=False)
