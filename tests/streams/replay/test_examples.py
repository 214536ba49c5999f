"""Examples are the requests of the live path, with what came of them; and nothing of the future is in a request."""

import math
from pathlib import Path

import pytest
from click.testing import CliRunner

from inference.dataset import Example
from inference.inputs import CONTEXT, Request
from streams.commands.simulate import simulate as simulate_command
from streams.core.shard import Rules
from streams.feed import Arrival
from streams.replay.examples import examples
from streams.replay.formats.table import RecordedLog
from streams.replay.labels import Stories
from streams.replay.moments import Asked, Moments, Seen
from streams.replay.timeline import VirtualIngest
from streams.simulate import simulate
from streams.simulator.rates import Rates
from streams.simulator.truth import Chance, Episode
from tests.streams.decided import answer, at_risk, partition

HOUR_MS = 3_600_000
RULES = Rules()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("log") / "shop"
    asked = ["--out", str(folder), "--seed", "5", "--shoppers", "60", "--duration", "12h", "--json"]
    result = CliRunner().invoke(simulate_command, asked)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def found(shop: Path) -> list[Example]:
    return list(examples(shop))


def arrivals(shop: Path) -> list[Arrival]:
    return list(RecordedLog(shop / "events.jsonl").arrivals())


def test_requests_are_those_of_the_live_path_whatever_a_model_answers(shop, found):
    part, live = partition(), []
    for record in VirtualIngest().timeline(arrivals(shop)):
        made = part.step([record])
        answer(part, made, at_risk(0.9))
        part.commit()
        live += [ask.request for ask in made if ask.asked == "event"]

    assert [example.request for example in found] == live
    assert len(live) > 100


def test_nothing_of_the_future_is_in_a_request(shop, found):
    log = arrivals(shop)

    earlier = requests(log[: len(log) // 2])

    assert 0 < len(earlier) < len(found)
    assert earlier == [example.request for example in found[: len(earlier)]]


def test_examples_are_in_the_order_of_the_log_and_their_time_is_that_of_the_request(found):
    assert all(example.at_ms == example.request.at_ms for example in found)
    assert len({example.shopper for example in found}) > 5


def test_two_and_three_processes_give_the_same_examples_in_the_same_order(shop, found):
    for processes in (2, 3):
        assert repr(list(examples(shop, processes=processes))) == repr(found)


def test_where_the_simulator_left_the_truth_it_comes_along_for_every_cart(found):
    with_cart = [example for example in found if dict(zip(CONTEXT, example.request.context, strict=True))["open_carts"]]
    known = [example for example in with_cart if not math.isnan(example.truth)]

    assert all(0 <= example.truth <= 1 for example in known)
    assert len(known) > 0.9 * len(with_cart)


def test_what_was_expected_is_what_happened_on_average(found):
    """The truth is a probability: over all examples it agrees with the labels."""
    pairs = [(e.truth, e.abandon_30m) for e in found if not math.isnan(e.truth) and not math.isnan(e.abandon_30m)]

    expected, happened = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
    assert happened == pytest.approx(expected, abs=0.15)


def test_a_log_without_a_truth_gives_the_same_examples_without_it(shop, found, tmp_path):
    alone = tmp_path / "events.jsonl"
    alone.write_bytes((shop / "events.jsonl").read_bytes())

    assert repr([e._replace(truth=float("nan")) for e in found]) == repr(list(examples(alone)))


def test_repeats_of_an_event_count_once():
    log = list(simulate(3, 20, 6 * HOUR_MS, rates=quiet()))
    twice = [arrival for arrival in log for _ in range(2)]

    assert requests(log) == requests(twice)
    assert len(requests(log)) > 10


def requests(log: list[Arrival]) -> list[Request]:
    """Those of a log, in its order."""
    return [moment.request for moment in Moments(RULES).run(log) if isinstance(moment, Asked)]


def quiet() -> Rates:
    """A shop whose log has no repeats, no late and no malformed events."""
    return Rates(**dict.fromkeys(Rates.__struct_fields__, 0.0))


def test_the_outcomes_of_carts_are_those_that_the_simulator_knows():
    told: list[Chance | Episode] = []
    log = list(simulate(11, 40, 12 * HOUR_MS, rates=quiet(), truth=told.append))
    moments = Moments(RULES)

    seen = [moment for moment in moments.run(log) if isinstance(moment, Seen)]

    stories = Stories(moments.end_ms + HOUR_MS, RULES.cart_idle_ms)
    for moment in seen:
        stories.see(moment.key, moment.value)
    found = {
        (key.decode(), episode.key, episode.opened_ms, episode.abandoned)
        for key in {moment.key for moment in seen}
        for episode in stories.of(key).episodes
    }
    episodes = [episode for episode in told if isinstance(episode, Episode)]
    assert found == {(e.key, e.cart_id, e.opened_ms, e.outcome == "abandoned") for e in episodes}
    assert len(found) > 10
