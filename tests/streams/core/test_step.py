"""One block of the timeline: what is dropped, what is counted, what waits, and what is asked."""

import pytest

from schemas.kinds import Kind
from schemas.shopper import encode_shopper
from schemas.timeline import SLOT_AT, Coordinate, Tick, encode_tick
from schemas.topics import CART, CLICK
from streams.core.encoded import Encoded
from streams.core.shard import Rules
from tests.streams.builders import Log, Record
from tests.streams.decided import RULES, answer, partition, run, sent

IDLE_S = 30 * 60
DAY_S = 86_400


def stepped(log: Log, rules: Rules = RULES):
    """The partition after the log, and the asks that came of it, unanswered."""
    part = partition(rules=rules)
    return part, part.step(log.records)


def shopper(part, key: bytes = b"ann"):
    return part.shard.shoppers[key]


def asked(log: Log, rules: Rules = RULES) -> list[tuple[str, float]]:
    return [(ask.asked, ask.at_ms / 1_000) for ask in stepped(log, rules)[1]]


# What the log holds twice


def test_what_ingest_appended_twice_is_dropped_and_not_even_counted():
    part, _ = stepped(Log().view(10, id_="a").view(11, id_="b", source=Coordinate(CLICK.id, 0, 0)))

    assert (shopper(part).events, shopper(part).duplicates) == (1, 0)


def test_of_one_source_record_every_ordinal_is_an_event():
    log = Log()
    for ordinal in (0, 1, 1, 0, 2):
        log.view(10, id_=f"m{ordinal}", source=Coordinate(CLICK.id, 0, 7, ordinal))

    part, _ = stepped(log)

    assert shopper(part).events == 3
    assert part.shard.meta().sources == ((CLICK.id, 0, 7, 2),)


def test_each_source_partition_has_a_fence_of_its_own():
    log = Log()
    for topic, partition_ in ((CLICK.id, 0), (CLICK.id, 65_535), (CART.id, 0)):
        log.view(10, source=Coordinate(topic, partition_, 5))

    part, _ = stepped(log)

    assert shopper(part).events == 3
    assert part.shard.meta().sources == ((CLICK.id, 0, 5, 0), (CLICK.id, 65_535, 5, 0), (CART.id, 0, 5, 0))


def test_the_source_fence_outlives_the_process():
    part, _ = stepped(Log().view(10, source=Coordinate(CLICK.id, 3, 1 << 40, 2)))
    again = partition()
    again.shard.restore(Encoded(), part.shard.meta())

    again.step(Log().view(10, source=Coordinate(CLICK.id, 3, 1 << 40, 2)).records)

    assert again.shard.shoppers == {}


def test_a_shopper_that_is_ahead_of_the_log_is_left_alone_but_the_source_fence_moves():
    log = Log().view(10).view(11)
    part = partition()
    part.shard.restore(Encoded.of(stepped(log)[0].shard.shoppers), part.shard.meta())
    before = encode_shopper(shopper(part))

    part.step(log.records)

    assert encode_shopper(shopper(part)) == before
    assert part.shard.meta().sources == ((CLICK.id, 0, 1, 0),)
    assert part.shard.changed == {}


def test_what_the_shop_sent_twice_is_counted_and_changes_nothing_else():
    once = Log().cart(10, id_="a").tick(20)
    twice = Log().cart(10, id_="a").cart(15, id_="a").tick(20)

    first, second = shopper(stepped(once)[0]), shopper(stepped(twice)[0])

    assert second.duplicates == 1
    second.duplicates, second.fence = 0, first.fence
    assert second == first


# What the log says about itself


def test_a_control_record_of_an_unknown_kind_is_passed_over():
    log = Log().view(10)
    control = bytearray(encode_tick(Tick(99_000, 99_000)))
    control[SLOT_AT] = 77
    log.records += [Record(1, None, bytes(control)), Record(2, None, None), Record(3, b"ann", None)]

    part, made = stepped(log)

    assert (part.shard.watermark_ms, part.shard.offset, made) == (-1, 4, [])


def test_an_event_of_an_unknown_kind_is_remembered():
    log = Log().view(10)
    value = bytearray(log.records[0].value)
    value[SLOT_AT] = 63
    log.records[0] = log.records[0]._replace(value=bytes(value))

    assert shopper(stepped(log)[0]).events == 1


def test_a_tick_whose_time_falls_moves_nothing_back():
    part, _ = stepped(Log().tick(100).tick(50, consent_s=120).tick(99))

    assert (part.shard.watermark_ms, part.shard.consent_ms) == (100_000, 120_000)


def test_consent_is_as_old_as_the_newest_tick_says():
    part, _ = stepped(Log().tick(100, consent_s=90).tick(101, consent_s=80))

    assert part.shard.consent_ms == 90_000


# Consent


def test_consent_is_kept_by_category():
    log = Log().consent(10, granted=False)
    log.add(Kind.CONSENT_UPDATED, 11, items=(), consents=(("ads", True),)).consent(12, granted=True)

    assert shopper(stepped(log)[0]).consents == (("ads", True), ("marketing", True))


def test_an_ask_says_what_was_consented_when_it_was_made():
    _, asks = stepped(Log().cart(10).consent(12, granted=False).cart(20))

    assert [ask.consents for ask in asks] == [(), (("marketing", False),)]


# When a model is asked


def test_only_shoppers_with_a_cart_are_asked_about():
    assert asked(Log().view(10).view(20).buy(30).view(40)) == []
    assert asked(Log().view(10).cart(20).view(30)) == [("event", 20), ("event", 30)]


def test_a_shopper_is_asked_about_once_in_five_seconds_of_log_time():
    log = Log().cart(10).view(14.999).view(15).cart(16).view(20)

    assert asked(log) == [("event", 10), ("event", 15), ("event", 20)]


def test_an_event_that_comes_late_asks_for_nothing():
    assert asked(Log().cart(100).view(50).view(104)) == [("event", 100)]


def test_after_the_cart_is_bought_nothing_is_asked():
    assert asked(Log().cart(10).buy(20).tick(30).view(40)) == [("event", 10), ("purchase", 20)]


def test_without_a_model_only_timers_and_purchases_ask():
    log = Log().cart(10).view(20).tick(10 + IDLE_S).cart(4_000).buy(4_010).tick(5_000)

    assert asked(log, Rules(ask_models=False)) == [("timer", 10 + IDLE_S), ("purchase", 4_010)]


def test_a_late_cart_event_is_counted_and_applied_at_once():
    part, _ = stepped(Log().tick(100).cart(99))

    assert (shopper(part).late, shopper(part).waiting, shopper(part).episodes) == (1, (), 1)


# Forgetting


def test_a_shopper_away_for_thirty_days_leaves_a_stub_until_the_next_commit_and_then_a_tombstone():
    part, _ = stepped(Log().view(0).tick(10).tick(32 * DAY_S))

    assert part.shard.shoppers == {}
    assert part.shard.forgotten[b"ann"].fence == 2

    assert (b"ann", None) in part.commit().changelog
    assert part.shard.forgotten == {}


def test_what_was_applied_before_the_forgetting_is_not_applied_again_after_a_crash():
    log = Log().view(0).tick(10).tick(32 * DAY_S)
    part, _ = stepped(log)
    again = partition()
    again.shard.restore(Encoded.of(part.shard.forgotten), again.shard.meta())

    again.step(log.records)

    assert again.shard.shoppers == {}
    assert (b"ann", None) in again.commit().changelog


def test_a_forgotten_shopper_who_comes_back_in_the_same_second_is_stored_and_not_deleted():
    part, _ = stepped(Log().view(0).tick(32 * DAY_S).view(32 * DAY_S))

    stored = dict(part.commit().changelog)

    assert stored[b"ann"] is not None
    assert shopper(part).events == 1


@pytest.mark.parametrize("keep", ["cart", "buy"])
def test_who_has_something_open_is_not_forgotten(keep):
    log = Log().view(0, user="bob")
    getattr(log, keep)(0)
    part, _ = stepped(log.tick(32 * DAY_S))

    assert b"bob" not in part.shard.shoppers
    assert b"ann" in part.shard.shoppers


def test_what_a_shopper_said_about_consent_is_never_forgotten():
    part, _ = stepped(Log().view(0).consent(1, granted=False).tick(10).tick(32 * DAY_S).tick(64 * DAY_S))

    assert (shopper(part).events, shopper(part).consents) == (0, (("marketing", False),))
    assert shopper(part).ring == b""


def test_forgetting_a_shopper_does_not_change_what_an_ask_from_before_decides():
    log = Log().cart(0).tick(IDLE_S).tick(IDLE_S + 32 * DAY_S)
    whole, one_by_one = partition(), partition()

    outputs = run(one_by_one, log.records)

    answer(whole, whole.step(log.records))
    assert whole.commit().outputs == outputs
    assert len(sent(outputs)) == 1


# Requests are frozen


def test_what_was_asked_does_not_change_when_the_shopper_goes_on():
    part = partition()
    log = Log().consent(1, granted=True).view(5).cart(10)
    (ask,) = part.step(log.records)
    frozen = repr(ask._replace(shopper=None))

    part.step(log.view(11).cart(12).consent(13, granted=False).remove(14).buy(15).tick(2 * IDLE_S).records[3:])

    assert repr(ask._replace(shopper=None)) == frozen


def test_an_older_word_on_consent_that_is_read_later_does_not_count():
    log = Log().consent(20, granted=False).consent(10, granted=True)

    assert shopper(stepped(log)[0]).consents == (("marketing", False),)


def test_an_older_word_tells_of_categories_that_are_not_known_yet():
    log = Log().consent(20, granted=False).add(Kind.CONSENT_UPDATED, 10, items=(), consents=(("ads", True),))

    assert shopper(stepped(log)[0]).consents == (("ads", True), ("marketing", False))
