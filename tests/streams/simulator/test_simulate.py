"""The simulated log: the same for the same seed, in order, well formed, and as noisy as was asked for."""

from collections import Counter
from itertools import islice

import msgspec
import pytest

from schemas.dead_letters import DeadLetter
from schemas.events import Event
from schemas.topics import CART, CLICK, CONSENT, INPUTS, PURCHASE
from streams.core.clean import CleanRules, Input, clean
from streams.feed import Arrival
from streams.simulate import START_MS, simulate
from streams.simulator.rates import Rates
from streams.simulator.shop import Shop
from streams.simulator.truth import Chance, Episode

HOUR_MS = 3_600_000
CLEAN = Rates(duplicates=0, late=0, malformed=0)
RULES = CleanRules(trust_append_time=False)
decode = msgspec.json.Decoder(Event).decode


def log(seed: int = 1, shoppers: int = 300, rates: Rates | None = None) -> list[Arrival]:
    return list(simulate(seed, shoppers, 12 * HOUR_MS, rates=rates))


def cleaned(arrival: Arrival):
    topic_id = next(topic.id for topic in INPUTS if topic.name == arrival.topic)
    return clean(Input(arrival.topic, topic_id, 0), 0, arrival.value, [], arrival.at_ms, RULES)


def test_the_same_seed_gives_the_same_bytes_whether_the_truth_is_asked_for_or_not() -> None:
    truth: list[Chance | Episode] = []

    again = list(simulate(1, 300, 12 * HOUR_MS, truth=truth.append))

    assert log() == again
    assert truth


def test_another_seed_gives_another_log() -> None:
    assert log(seed=1)[:50] != log(seed=2)[:50]


def test_arrivals_come_in_their_order_and_say_when_they_were_received() -> None:
    arrivals = log(rates=CLEAN)

    times = [arrival.at_ms for arrival in arrivals]

    assert times == sorted(times)
    assert times[0] >= START_MS
    received = [decode(arrival.value).received_at for arrival in arrivals]
    assert [round(at.timestamp() * 1_000) for at in received] == times


def test_every_well_formed_event_decodes_and_stands_under_the_key_of_its_shopper() -> None:
    for arrival in log(rates=CLEAN):
        event = decode(arrival.value)

        assert (event.user_id or event.anonymous_id).encode() == arrival.key
        assert not isinstance(cleaned(arrival), DeadLetter)


def test_all_input_topics_are_fed() -> None:
    topics = {arrival.topic for arrival in log()}

    assert topics == {CLICK.name, CART.name, PURCHASE.name, CONSENT.name}


def test_noise_does_not_change_what_happens() -> None:
    quiet: list[Chance | Episode] = []
    loud: list[Chance | Episode] = []

    for truth, rates in ((quiet, CLEAN), (loud, Rates(duplicates=0.2, late=0.2, malformed=0.2))):
        list(simulate(3, 200, 12 * HOUR_MS, rates=rates, truth=truth.append))

    assert quiet == loud


def test_the_skew_formula_finds_the_true_time_of_each_event_although_devices_are_hours_off() -> None:
    truth: list[Chance | Episode] = []
    arrivals = list(simulate(4, 200, 12 * HOUR_MS, rates=Rates(skewed_clocks=1, malformed=0), truth=truth.append))
    true_ms = {fact.message_id: fact.at_ms for fact in truth if isinstance(fact, Chance)}

    found_ms = {decode(arrival.value).message_id: cleaned(arrival)[2] for arrival in arrivals}

    assert true_ms
    assert {id_: found_ms[id_] for id_ in true_ms} == true_ms


@pytest.mark.parametrize("name", ["duplicates", "late", "malformed"])
def test_noise_comes_at_the_rate_that_was_asked_for(name: str) -> None:
    shop = Shop(5, Rates(**{"duplicates": 0, "late": 0, "malformed": 0, name: 0.05}))

    arrivals = list(shop.open(600, START_MS, START_MS + 12 * HOUR_MS))

    events = shop.noise.sent.pop("events")
    noisy = sum(shop.noise.sent.values())
    assert events > 5_000
    assert abs(noisy - 0.05 * events) < 5 * (0.05 * events) ** 0.5
    assert len(arrivals) == events + (0 if name == "late" else noisy)


def test_a_duplicate_is_the_same_message_sent_again_later() -> None:
    ids = Counter(decode(arrival.value).message_id for arrival in log(rates=Rates(duplicates=0.1, malformed=0)))

    assert set(ids.values()) == {1, 2}


def test_each_class_of_malformed_record_is_refused_for_its_reason() -> None:
    shop = Shop(6, Rates(malformed=1, duplicates=0))
    expected = {
        "not_json": "undecodable", "truncated": "undecodable", "unknown_event": "unknown_type",
        "missing_field": "missing_field", "wrong_type": "invalid_value", "negative_price": "invalid_value",
        "clock_ahead": "clock_ahead",
    }  # fmt: skip

    letters = [cleaned(arrival) for arrival in shop.open(100, START_MS, START_MS + HOUR_MS)]

    refused = Counter(letter.failure for letter in letters if isinstance(letter, DeadLetter))
    sent: Counter[str] = Counter()
    for name, failure in expected.items():
        assert shop.noise.sent[name] > 0
        sent[failure] += shop.noise.sent[name]
    assert refused == sent


def test_visitors_are_as_was_asked_for() -> None:
    shares = {"bots": 0, "anonymous": 0.5, "without_consent": 0.3, "denied": 0.5, "revoked": 0.5}
    rates = Rates(duplicates=0, malformed=0, **shares)

    arrivals = log(shoppers=1_000, rates=rates)

    said: dict[bytes, list[bool]] = {arrival.key: [] for arrival in arrivals}
    for arrival in arrivals:
        if arrival.topic == CONSENT.name:
            said[arrival.key].append(decode(arrival.value).context.consent.category_preferences["marketing"])
    assert len(said) == 1_000
    assert 420 < sum(key.startswith(b"a") for key in said) < 580
    assert 240 < sum(answers == [] for answers in said.values()) < 360
    assert 290 < sum(answers == [False] for answers in said.values()) < 410
    assert 20 < sum(answers == [True, False] for answers in said.values()) < 175


def test_a_bot_looks_at_very_many_products_and_has_no_cart() -> None:
    arrivals = log(shoppers=5, rates=Rates(bots=1, malformed=0))

    assert {arrival.topic for arrival in arrivals} == {CLICK.name}
    assert len(arrivals) > 5 * 50


def test_any_size_starts_at_once_because_nobody_is_remembered_who_is_not_there() -> None:
    first = list(islice(simulate(1, 10**9, 24 * HOUR_MS), 100))

    assert len(first) == 100


def test_a_rate_that_is_no_share_is_refused() -> None:
    with pytest.raises(ValueError, match=r"rate 'late' must be in \[0, 1\], got 1.5"):
        Rates(late=1.5)
