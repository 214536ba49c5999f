"""Scripted shoppers: what they send follows from a seed, and what must come of them from their ids."""

import msgspec

from streams.chaos.scripts import LONGEST, SCRIPTS, shopper_of
from streams.chaos.traffic import MALFORMED_KEY, Traffic

IDLE_MS = 60_000


def traffic(seed: int = 1) -> Traffic:
    return Traffic(seed, 1_000, IDLE_MS, gap_ms=500.0)


def test_the_same_seed_is_the_same_shop_however_it_is_asked() -> None:
    at_once, bit_by_bit = traffic(), traffic()

    whole = at_once.due(100_000)
    pieces = [arrival for until in range(0, 100_001, 777) for arrival in bit_by_bit.due(until)]
    pieces += bit_by_bit.due(100_000)

    assert [arrival.at_ms for arrival in whole] == sorted(arrival.at_ms for arrival in whole)
    assert pieces == whole
    assert traffic(2).due(100_000) != whole


def test_after_closing_time_everybody_follows_the_script_to_its_end_and_nobody_new_comes() -> None:
    shop = traffic()
    before = shop.due(200_000)

    shop.close()
    after = shop.due(200_000 + LONGEST * IDLE_MS)

    sent: dict[str, set[str]] = {}
    for arrival in before + after:
        if not (arrival.key or b"").startswith(MALFORMED_KEY):
            sent.setdefault((arrival.key or b"").decode(), set()).add(msgspec.json.decode(arrival.value)["messageId"])
    assert shop.over
    assert len(sent) > 300
    for user_id, ids in sent.items():
        shopper = shopper_of(user_id)
        assert shopper is not None
        assert shopper.came_ms <= 200_000
        assert len(ids) == len(SCRIPTS[shopper.script].steps)


def test_every_script_is_followed_and_there_are_repeats_and_nonsense() -> None:
    arrivals = traffic().due(300_000)

    scripts = {(arrival.key or b"").decode().partition(".")[0] for arrival in arrivals}
    values = [arrival.value for arrival in arrivals if arrival.value.startswith(b'{"type"')]
    assert scripts == {*SCRIPTS, "malformed"}
    assert len(set(values)) < len(values)


def test_the_longest_script_is_as_long_as_is_said() -> None:
    ends = [nudge.at for script in SCRIPTS.values() for nudge in script.nudges]

    assert max(ends) == LONGEST
