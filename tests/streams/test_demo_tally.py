"""What a demo counts in the topics, and what it says when it does not add up."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import pytest

from schemas import dead_letters
from schemas.dead_letters import DeadLetter
from schemas.shopper import META_KEY, Meta, Shopper, encode_meta, encode_shopper
from schemas.topics import CART, CHANGELOG, CLICK, DEAD_LETTERS, TIMELINE, TOPICS
from streams.accounts import Carts, Input
from streams.demo.percentiles import Latency, latency
from streams.demo.summary import Summary
from streams.demo.tally import Tally
from tests.streams.builders import Log
from tests.streams.decided import at_risk, partition, run

BY_NAME = {topic.name: topic for topic in TOPICS}
LETTER = DeadLetter(stage="DECODE", failure="undecodable", reason="expected JSON")


class Stored(NamedTuple):
    """A record as it comes back from a topic."""

    value: bytes | None
    key: bytes | None = None
    offset: int = 0
    partition: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


def decided(log: Log, times: int = 1) -> Tally:
    """What is counted when the log was decided on, and everything that was sent stands in the topics so many times."""
    tally = Tally()
    for _ in range(times):
        part = partition()
        for output in run(part, log.records, at_risk(0.9)):
            tally.take(BY_NAME[output.topic], Stored(output.value, output.key, headers=output.headers))
    return tally


def shoppers(*records: tuple[bytes, Shopper | None]) -> Tally:
    tally = Tally()
    for offset, (key, shopper) in enumerate(records):
        tally.take(CHANGELOG, Stored(None if shopper is None else encode_shopper(shopper), key, offset))
    return tally


def summary(**changed: object) -> Summary:
    right = Summary(
        input=Input(read=10, timeline=9, dead_letters=1, duplicates=2),
        carts=Carts(events=5, episodes=4, abandoned=1, bought=1, emptied=1, merged=1),
        purchases=1,
        scores=3,
        modes={"model": 2, "rules": 1},
        interventions={"cart_nudge": 1, "cart_at_risk": 0},
        suppressed={"duplicate": 1},
        retractions=1,
        first_intervention_s=7.25,
        latency_ms=Latency(p50=100.0, p99=900.0, max=950.0),
        events_per_s=512.5,
    )
    return msgspec.structs.replace(right, **changed)


def test_records_of_the_inputs_are_found_again_in_the_timeline_or_among_the_dead_letters() -> None:
    tally, log = Tally(), Log().view(1).cart(2).tick(3)
    for topic, offset in ((CLICK, 0), (CART, 0), (CART, 1)):
        tally.take(topic, Stored(b"{}", offset=offset))
    for record in log.records:
        tally.take(TIMELINE, Stored(record.value, record.key, record.offset))
    reason = dead_letters.headers(LETTER, [("trace", b"\xff")], f"demo-1.{CART.name}", 0, 1, "kairos")
    tally.take(DEAD_LETTERS[1], Stored(b"?", headers=reason))

    assert len(tally.read) == 3
    assert tally.read == tally.timeline | tally.dead
    assert len(tally.dead) == 1


def test_what_was_appended_twice_counts_once() -> None:
    tally, once = Tally(), Log().view(1).cart(2).records
    reason = dead_letters.headers(LETTER, [], CLICK.name, 3, 7, "kairos")
    for _ in range(2):
        for record in once:
            tally.take(TIMELINE, Stored(record.value, record.key))
        tally.take(DEAD_LETTERS[0], Stored(b"?", headers=reason))

    assert (len(tally.timeline), len(tally.dead)) == (2, 1)


def test_the_last_record_of_each_shopper_counts() -> None:
    tally = shoppers(
        (b"ann", Shopper(events=1, cart_events=1)),
        (b"bob", Shopper(events=3, cart_events=2, episodes=1, abandoned=1)),
        (b"ann", Shopper(events=4, cart_events=3, episodes=1, bought=1, orders=1, duplicates=1)),
    )

    found = tally.carts()

    assert (found["cart_events"], found["episodes"], found["abandoned"], found["bought"]) == (5, 2, 1, 1)
    assert (found["orders"], found["duplicates"], found["emptied"], found["merged"]) == (1, 1, 0, 0)


def test_a_shopper_who_was_forgotten_and_came_back_counts_with_both_lives() -> None:
    tally = shoppers(
        (b"ann", Shopper(events=4, episodes=1)), (b"ann", None), (b"ann", None), (b"ann", Shopper(events=2, episodes=2))
    )

    assert tally.carts()["episodes"] == 3


def test_the_watermark_of_a_partition_is_that_of_its_last_meta_record() -> None:
    tally = Tally()
    for at_ms in (5_000, 9_000):
        tally.take(CHANGELOG, Stored(encode_meta(Meta(watermark_ms=at_ms)), META_KEY, partition=2))

    assert tally.watermarks_ms == {2: 9_000}


@pytest.mark.parametrize("times", [1, 2])
def test_decisions_interventions_suppressions_and_retractions_count_by_their_ids(times: int) -> None:
    log = Log().cart(100).tick(101).cart(110).tick(111).buy(200).tick(201)
    log.cart(5_000).tick(5_001).cart(5_010).tick(9_000)

    tally = decided(log, times)

    assert tally.scores() == {"model": 5, "rules": 0}
    assert tally.interventions() == {"cart_nudge": 0, "cart_at_risk": 2}
    assert tally.reasons() == {"duplicate": 1}
    assert len(tally.retracted) == 1


def test_a_summary_that_adds_up_has_no_mistake() -> None:
    assert summary().mistake() is None


def test_a_record_that_is_nowhere_is_a_mistake() -> None:
    told = summary(input=Input(read=11, timeline=9, dead_letters=1, duplicates=0)).mistake()

    assert told is not None
    assert "got 11 read, 9 in the timeline and 1 dead letters" in told


def test_a_cart_that_is_not_resolved_is_a_mistake() -> None:
    told = summary(carts=Carts(events=5, episodes=5, abandoned=1, bought=1, emptied=1, merged=1)).mistake()

    assert told == "expected every cart to be resolved, got 5 episodes, of which 4 have ended"


def test_the_json_has_the_documented_names() -> None:
    found = msgspec.json.decode(msgspec.json.encode(summary()))

    assert list(found) == [
        "input", "carts", "purchases", "scores", "modes", "interventions", "suppressed", "retractions",
        "first_intervention_s", "latency_ms", "events_per_s",
    ]  # fmt: skip
    assert list(found["input"]) == ["read", "timeline", "dead_letters", "duplicates"]
    assert list(found["carts"]) == ["events", "episodes", "abandoned", "bought", "emptied", "merged"]
    assert list(found["latency_ms"]) == ["p50", "p99", "max"]


def test_the_text_says_how_the_counts_add_up() -> None:
    text = str(summary())

    assert "10 records read = 9 in the timeline (2 of them repeats) + 1 dead letters" in text
    assert "4 episodes of 5 cart events = 1 abandoned + 1 bought + 1 emptied + 1 merged" in text
    assert "the first 7.2 s after the start" in text


@pytest.mark.parametrize(
    ("measured", "expected"),
    [([], Latency()), ([5.0], Latency(p50=5.0, p99=5.0, max=5.0)), (range(1, 201), Latency(p50=100, p99=198, max=200))],
)
def test_percentiles_are_of_the_nearest_rank(measured: Iterable[float], expected: Latency) -> None:
    assert latency(list(measured)) == expected
