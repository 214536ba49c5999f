"""What a shopper ordered after a decision: the reward, known only a day later."""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from schemas.kinds import Kind
from schemas.timeline import SLOT_AT, TAIL_AT, Detail, decode_detail, decode_entry, decode_tick
from streams.replay.labels import PURCHASE_MS
from streams.replay.timeline import Logged
from streams.replay.timeline_lines import is_tick, mistake

Reward = Literal["bought", "value"]
REWARDS: Final[dict[Reward, str]] = {
    "bought": "1 where the shopper ordered anything within 24 h of the decision, else 0",
    "value": "what the shopper ordered within 24 h of the decision, in minor units",
}


class _Order(NamedTuple):
    at_ms: int
    value: int


class Orders:
    """The orders of a timeline. `end_ms` is how far log time is known."""

    def __init__(self, timeline: Iterable[Logged]) -> None:
        self.end_ms = -1
        self._by_shopper: dict[str, list[_Order]] = {}
        seen: set[str] = set()
        for record in timeline:
            if is_tick(record):
                self.end_ms = max(self.end_ms, decode_tick(record.value).at_ms)
            elif record.key is not None and _is_order(record):
                detail = decode_detail(memoryview(record.value)[TAIL_AT:])
                if detail.message_id not in seen:  # a copy of an order is none
                    seen.add(detail.message_id)
                    order = _Order(decode_entry(record.value).slot.at_ms, _value(detail))
                    self._by_shopper.setdefault(record.key.decode(), []).append(order)
        for orders in self._by_shopper.values():
            orders.sort()

    def earned(self, user_id: str, at_ms: int, reward: Reward) -> float | None:
        """The reward of a decision at `at_ms`; None while its 24 hours are not over.

        None also where an order is known already: else only buyers would be known at the end of the log.
        """
        if at_ms + PURCHASE_MS > self.end_ms:
            return None
        orders = self._by_shopper.get(user_id, [])
        first = bisect_right(orders, (at_ms, 1 << 62))
        found = [order.value for order in orders[first:] if order.at_ms <= at_ms + PURCHASE_MS]
        return float(sum(found) if reward == "value" else bool(found))


def _is_order(record: Logged) -> bool:
    """Whether it is an order that a step takes: what it refuses was never bought."""
    is_order = len(record.value) >= TAIL_AT and record.value[SLOT_AT] == Kind.ORDER_COMPLETED
    return is_order and mistake(record) is None


def _value(order: Detail) -> int:
    """Minor units: what the order says, else the sum of its products of known price."""
    if order.value >= 0:
        return order.value
    return sum(item.price * item.quantity for item in order.items if item.price >= 0)
