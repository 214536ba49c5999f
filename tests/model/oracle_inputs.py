"""Oracle (b): what the inputs alone demand of what came out, found by sorting them by time. No streams, no timers."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from schemas.history import ID_SIZE
from schemas.interventions import iso
from schemas.kinds import LAST_CART, Kind
from schemas.shopper import META_KEY, Shopper, decode_shopper
from schemas.timeline import Coordinate, Detail
from schemas.topics import CART, INTERVENTIONS, PURCHASE, SUPPRESSED
from streams.core.outputs import Output
from tests.model.broker import Broker
from tests.model.shop import IDLE_S, LATE_S, Shop, id_of

END_MS: Final = 1 << 50


class Happened(NamedTuple):
    """Something about one shopper, as an input record says it. Sorts by time, then by source."""

    at_ms: int
    source: Coordinate
    kind: Kind
    detail: Detail


class History(NamedTuple):
    """All that the inputs say about one shopper, repeats left out. `late`: carts or purchases came too late."""

    happened: list[Happened]
    repeats: int
    late: bool


Cart = dict[str, Any]
Abandoned = tuple[str, str, str]
"""A cart: its id, the messageId of its last event, its deadline."""


class _Told(msgspec.Struct):
    """The fields of an intervention, retraction or suppression that are looked at."""

    name: str
    trigger: dict[str, str]
    retracts: str = ""
    reason: str = ""
    not_before: str = ""
    suppressed_at: str = ""


_told: Final = msgspec.json.Decoder(_Told).decode


def differences(shop: Shop, broker: Broker) -> Iterator[str]:
    """What the inputs do not justify, or miss. Who was forgotten once is judged by the other oracles only."""
    told = cart_nudges(broker.visible())
    stored = {
        key: decode_shopper(value)
        for partition in broker.changelog
        for key, value in broker.committed_changes(partition).items()
        if key != META_KEY and value is not None
    }
    if not shop.habits.forgets:
        for key, history in histories(shop).items():
            yield from _differences(history, stored.get(key, Shopper()), told.get(key, []))


def histories(shop: Shop) -> dict[bytes, History]:
    """What happened to each shopper, from the input topics."""
    found: dict[bytes, dict[str, Happened]] = {}
    repeats, late = Counter[bytes](), set[bytes]()
    for records in shop.inputs.values():
        for record in records:
            happening = record.happening
            at_ms = shop.at_ms(happening.at_s)
            for nth, (user, detail) in enumerate(zip(happening.users, happening.details, strict=True)):
                key = shop.key(user, record.arrived_s)
                mine = found.setdefault(key, {})
                repeats[key] += detail.message_id in mine
                if detail.message_id in mine:
                    continue
                mine[detail.message_id] = Happened(at_ms, record.source._replace(ordinal=nth), happening.kind, detail)
                if record.source.topic_id in (CART.id, PURCHASE.id) and happening.at_s < record.arrived_s - LATE_S:
                    late.add(key)
    return {key: History(sorted(mine.values()), repeats[key], key in late) for key, mine in found.items()}


def applied_once(history: History, shopper: Shopper) -> bool:
    """Whether every event is in the shopper's record once, and every repeat was seen as one."""
    starts = range(0, len(shopper.ids), ID_SIZE)
    ids = sorted(int.from_bytes(shopper.ids[at : at + ID_SIZE], "little") for at in starts)
    return ids == sorted(id_of(event.detail.message_id) for event in history.happened) and (
        shopper.events,
        shopper.duplicates,
    ) == (len(ids), history.repeats)


def _differences(history: History, shopper: Shopper, told: list[_Told]) -> Iterator[str]:
    if not applied_once(history, shopper):
        yield "not applied once"
    if not history.late:
        yield from _outcomes(history, told)
        if shopper.late:
            yield "taken for late"


def cart_nudges(visible: list[Output]) -> dict[bytes, list[_Told]]:
    """What came of abandoned carts: nudges and suppressed nudges, by shopper."""
    found: dict[bytes, list[_Told]] = {}
    for output in visible:
        if output.topic in (INTERVENTIONS["cart_nudge"].name, SUPPRESSED.name):
            told = _told(output.value)
            if told.name == "cart_nudge" and not told.retracts:
                found.setdefault(output.key, []).append(told)
    return found


def _outcomes(history: History, told: list[_Told]) -> Iterator[str]:
    due = Counter((cart, last, iso(deadline_ms)) for cart, last, deadline_ms in abandoned(history.happened))
    have = Counter((t.trigger["cart_id"], t.trigger["event_id"], t.not_before or t.suppressed_at) for t in told)
    if due - have:
        yield "an abandoned cart without nudge and suppression"
    if have - due:
        yield "a nudge for no abandoned cart, or a second one"
    bought_ms = max((event.at_ms for event in history.happened if event.kind == Kind.ORDER_COMPLETED), default=-1)
    if any(t.reason == "already_converted" and t.suppressed_at > iso(max(bought_ms, 0)) for t in told):
        yield "a suppression for a purchase that never was"


def abandoned(happened: list[Happened]) -> list[tuple[str, str, int]]:
    """Carts without activity for as long as is allowed: cart id, messageId of the last activity, deadline."""
    found, carts = [], dict[str, Cart]()
    for event in [*happened, Happened(END_MS, Coordinate(0, 0, 0), Kind.PADDING, Detail(""))]:
        for cart_id, cart in list(carts.items()):
            if cart["active_ms"] + IDLE_S * 1_000 <= event.at_ms:
                found.append((cart_id, cart["last"], cart["active_ms"] + IDLE_S * 1_000))
                del carts[cart_id]
        if event.kind == Kind.ORDER_COMPLETED:
            _buy(carts, event.detail)
        elif Kind.PRODUCT_ADDED <= event.kind <= LAST_CART:
            _touch(carts, event)
    return found


def _touch(carts: dict[str, Cart], event: Happened) -> None:
    detail = event.detail
    items = Counter(carts[detail.cart_id]["items"] if detail.cart_id in carts else ())
    if detail.previous_cart_id and detail.previous_cart_id != detail.cart_id:
        items += carts.pop(detail.previous_cart_id, {"items": Counter()})["items"]
    said = Counter({item.product_id: item.quantity for item in detail.items})
    if event.kind == Kind.PRODUCT_ADDED:
        items += said
    elif event.kind == Kind.PRODUCT_REMOVED:
        items -= said
    else:
        items = said or items
    carts.pop(detail.cart_id, None)
    if items:
        carts[detail.cart_id] = {"items": items, "active_ms": event.at_ms, "last": detail.message_id}


def _buy(carts: dict[str, Cart], detail: Detail) -> None:
    ordered = {item.product_id for item in detail.items}

    def likely(cart_id: str) -> tuple:
        cart = carts[cart_id]
        return cart_id == detail.cart_id != "", len(ordered & cart["items"].keys()), cart["active_ms"], cart_id

    if carts:
        del carts[max(carts, key=likely)]
