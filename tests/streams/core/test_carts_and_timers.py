"""Episodes of carts in event time: what is abandoned, what is not, and what is said about it."""

import pytest

from schemas.kinds import Kind
from schemas.timeline import Item
from tests.streams.builders import Log
from tests.streams.decided import partition, run, sent, suppressed

IDLE_S = 30 * 60


def shopper(part):
    return part.shard.shoppers[b"ann"]


def test_a_cart_without_activity_for_thirty_minutes_is_abandoned_and_nudged():
    part = partition()

    outputs = run(part, Log().cart(0).tick(IDLE_S - 0.001).tick(IDLE_S).records)

    (nudge,) = sent(outputs)
    assert nudge["name"] == "cart_nudge"
    assert nudge["content"]["total_value"] == 10.0
    assert nudge["trigger"]["event"] == "Product Added"
    assert shopper(part).abandoned == 1


def test_a_timer_fires_only_when_the_watermark_has_reached_its_deadline():
    assert sent(run(partition(), Log().cart(0).tick(IDLE_S - 0.001).records)) == []


def test_a_purchase_before_the_deadline_closes_the_cart():
    part = partition()

    outputs = run(part, Log().cart(0).buy(IDLE_S - 1).tick(2 * IDLE_S).records)

    assert sent(outputs) == []
    assert (shopper(part).bought, shopper(part).abandoned, shopper(part).open_carts) == (1, 0, ())


def test_a_purchase_at_the_deadline_comes_too_late_and_suppresses_the_nudge():
    part = partition()

    outputs = run(part, Log().cart(0).buy(IDLE_S).tick(2 * IDLE_S).records)

    assert sent(outputs) == []
    assert [s["reason"] for s in suppressed(outputs)] == ["already_converted"]
    assert (shopper(part).bought, shopper(part).abandoned) == (0, 1)


def test_activity_in_the_cart_starts_the_timer_again_and_looking_around_does_not():
    log = Log().cart(0).cart(1_000).view(1_700).tick(1_000 + IDLE_S - 1)

    assert sent(run(partition(), log.records)) == []
    assert len(sent(run(partition(), log.tick(1_000 + IDLE_S).records))) == 1


def test_log_order_is_not_event_order():
    part = partition()

    outputs = run(part, Log().buy(20).cart(10).tick(2 * IDLE_S).records)

    assert sent(outputs) == []
    assert shopper(part).bought == 1


def test_an_old_purchase_does_not_close_a_newer_cart():
    part = partition()

    outputs = run(part, Log().cart(100).buy(50).tick(2 * IDLE_S).records)

    assert len(sent(outputs)) == 1
    assert shopper(part).bought == 0


def test_removing_everything_empties_the_cart():
    part = partition()

    outputs = run(part, Log().cart(0).remove(5).tick(2 * IDLE_S).records)

    assert sent(outputs) == []
    assert (shopper(part).emptied, shopper(part).episodes) == (1, 1)


def test_removing_one_of_two_leaves_the_cart_open():
    log = Log().cart(0, items=(Item("mug", 1_000, 2),)).remove(5).tick(2 * IDLE_S)

    (nudge,) = sent(run(partition(), log.records))

    assert nudge["content"]["products"][0]["quantity"] == 1


def test_carts_with_ids_are_episodes_of_their_own():
    part = partition()

    outputs = run(part, Log().cart(0, cart_id="a").cart(10, cart_id="b").tick(2 * IDLE_S).records)

    assert {nudge["content"]["cart_id"] for nudge in sent(outputs)} == {"a", "b"}
    assert shopper(part).episodes == 2


def test_of_several_carts_a_purchase_closes_the_one_that_overlaps():
    log = Log().cart(0, cart_id="a", items=(Item("mug", 1),)).cart(10, cart_id="b", items=(Item("ufo", 1),))

    outputs = run(partition(), log.buy(20, items=(Item("mug", 1),)).tick(2 * IDLE_S).records)

    assert [nudge["content"]["cart_id"] for nudge in sent(outputs)] == ["b"]


def test_a_purchase_that_names_its_cart_closes_that_one():
    log = Log().cart(0, cart_id="a").cart(10, cart_id="b").buy(20, cart_id="a").tick(2 * IDLE_S)

    assert [nudge["content"]["cart_id"] for nudge in sent(run(partition(), log.records))] == ["b"]


def test_a_cart_that_names_another_takes_it_over():
    part = partition()
    log = Log().cart(0, cart_id="phone").cart(10, cart_id="laptop", previous_cart_id="phone", items=(Item("ufo", 5),))

    (nudge,) = sent(run(part, log.tick(2 * IDLE_S).records))

    assert {product["product_id"] for product in nudge["content"]["products"]} == {"mug", "ufo"}
    assert (shopper(part).merged, shopper(part).episodes, shopper(part).abandoned) == (1, 2, 1)


def test_a_cart_that_was_seen_tells_what_is_in_it():
    seen = Log().add(Kind.CART_VIEWED, 0, items=(Item("ufo", 500, 3),)).tick(2 * IDLE_S)

    (nudge,) = sent(run(partition(), seen.records))

    assert nudge["content"]["total_value"] == 15.0


def test_an_empty_cart_that_is_looked_at_is_no_episode():
    part = partition()

    run(part, Log().add(Kind.CART_VIEWED, 0, items=()).add(Kind.CHECKOUT_STARTED, 1, items=()).tick(2 * IDLE_S).records)

    assert shopper(part).episodes == 0


def test_a_late_cart_event_of_an_abandoned_cart_does_not_open_it_again():
    part = partition()

    outputs = run(part, Log().cart(0).tick(IDLE_S).cart(60).tick(3 * IDLE_S).records)

    assert len(sent(outputs)) == 1
    assert (shopper(part).late, shopper(part).episodes) == (1, 1)


def test_the_watermark_never_goes_back():
    log = Log().cart(0).tick(IDLE_S).tick(10).cart(IDLE_S + 5).tick(IDLE_S + 100)

    part = partition()
    run(part, log.records)

    assert part.shard.watermark_ms == (IDLE_S + 100) * 1_000


def test_a_purchase_after_the_nudge_takes_it_back():
    outputs = run(partition(), Log().cart(0).tick(IDLE_S).buy(IDLE_S + 60).tick(2 * IDLE_S).records)

    nudge, retraction = sent(outputs)

    assert retraction["retracts"] == nudge["intervention_id"]
    assert retraction["reason"] == "converted"


def test_a_nudge_is_taken_back_once():
    log = Log().cart(0).tick(IDLE_S).buy(IDLE_S + 60).buy(IDLE_S + 70).tick(2 * IDLE_S)

    assert len(sent(run(partition(), log.records))) == 2


@pytest.mark.parametrize("idle_days, known", [(29, True), (31, False)])
def test_a_shopper_who_was_away_for_thirty_days_is_forgotten(idle_days, known):
    part = partition()

    run(part, Log().view(0).tick(10).tick(idle_days * 86_400 + 7_200).records)

    assert (b"ann" in part.shard.shoppers) is known
