"""The reward of a decision: what the shopper ordered in the 24 hours after it, once they are over."""

import pytest

from schemas.timeline import Item
from streams.replay.offpolicy.orders import Orders
from streams.replay.timeline import Logged
from tests.streams.builders import Log

DAY_S = 86_400
T0_S = 1_000_000
MUG, LAMP = Item("mug", 1_000, 2), Item("lamp", 500)


def orders(log: Log) -> Orders:
    return Orders(Logged(one.offset, one.key, one.value, 0) for one in log.records)


def earned(log: Log, at_s: float = T0_S) -> tuple[float | None, float | None]:
    found = orders(log)
    return found.earned("ann", at_s * 1_000, "bought"), found.earned("ann", at_s * 1_000, "value")


@pytest.mark.parametrize(
    ("after_s", "reward"), [(0, (0, 0)), (0.001, (1, 700)), (DAY_S, (1, 700)), (DAY_S + 0.001, (0, 0)), (-1, (0, 0))]
)
def test_an_order_counts_for_24_hours_after_the_decision(after_s: float, reward: tuple[int, int]) -> None:
    assert earned(Log().buy(T0_S + after_s, value=700).tick(T0_S + 2 * DAY_S)) == reward


def test_several_orders_add_up_in_value_and_are_one_shopper_who_bought() -> None:
    log = Log().buy(T0_S + 9, value=200).buy(T0_S + 5, value=300).tick(T0_S + 2 * DAY_S)

    assert earned(log) == (1, 500)


def test_orders_are_found_in_whatever_order_they_were_logged() -> None:
    assert earned(Log().buy(T0_S + 9, value=200).buy(T0_S - 5, value=300).tick(T0_S + 2 * DAY_S)) == (1, 200)


def test_an_order_that_does_not_say_its_value_is_worth_its_products() -> None:
    assert earned(Log().buy(T0_S + 5, items=(MUG, LAMP, Item("gift"))).tick(T0_S + 2 * DAY_S)) == (1, 2_500)


def test_the_copy_of_an_order_is_none() -> None:
    log = Log().buy(T0_S + 5, value=300, id_="o1").buy(T0_S + 6, value=300, id_="o1").tick(T0_S + 2 * DAY_S)

    assert earned(log) == (1, 300)


def test_a_damaged_record_is_no_order_and_stops_nothing() -> None:
    log = Log().buy(T0_S + 5, value=300).buy(T0_S + 6, value=400).buy(T0_S + 7).tick(T0_S + 2 * DAY_S)
    log.records[1] = log.records[1]._replace(value=(log.records[1].value or b"")[:-3])
    log.records[2] = log.records[2]._replace(value=b"")

    assert earned(log) == (1, 300)


def test_orders_of_others_and_what_is_no_order_do_not_count() -> None:
    log = Log().buy(T0_S + 5, value=300, user="bob").cart(T0_S + 5).tick(T0_S + 2 * DAY_S)

    assert earned(log) == (0, 0)


def test_before_the_24_hours_are_over_nothing_is_known_even_of_who_has_bought() -> None:
    assert earned(Log().buy(T0_S + 5, value=300).tick(T0_S + DAY_S - 1)) == (None, None)
    assert earned(Log().buy(T0_S + 5, value=300).tick(T0_S + DAY_S)) == (1, 300)
