"""One block of the timeline, applied to its shard: the path that every event of the shop takes.

The order of checks is the order of the durability protocol (`DESIGN.md`): the source fence drops what ingest appended
twice, and is advanced first; the shopper's fence drops what was made durable before a crash; the message ids in the
shopper's history recognise what the shop sent twice.
"""

from collections.abc import Callable, Iterable
from struct import Struct
from struct import error as StructError  # noqa: N812, as the others are named
from typing import Final, Protocol

import msgspec

from schemas.kinds import FIRST_CART, LAST_CART, LAST_CLICK, LAST_EVENT, LAST_PURCHASE, Kind
from schemas.shopper import Shopper, Waiting, shared
from schemas.timeline import ID_AT, ORDINAL_BITS, SLOT_AT, TAIL_AT, VERSION, decode_detail, decode_tick
from streams.core import asks, episodes
from streams.core.asks import Ask
from streams.core.clock import LATEST_MS
from streams.core.counters import HOUR_MS
from streams.core.episodes import NEVER
from streams.core.history import remember
from streams.core.shard import Rules, Shard
from streams.core.shoppers import slices_due

_HEAD: Final = Struct("<xBHQ6xBIH")  # source topic id, partition, position | kind, at_ms low and high
_ID: Final = slice(ID_AT, SLOT_AT)
_SLOT: Final = slice(SLOT_AT, TAIL_AT)


class Record(Protocol):
    """A record of the timeline, as any Kafka client hands it over."""

    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


Refuse = Callable[[Record, str], None]


def no_refusal(record: Record, why: str) -> None:
    """What a step does with a record that it cannot read, where nobody takes those: raise."""
    msg = f"expected a timeline record at offset {record.offset}, got {why}"
    raise ValueError(msg)


def step(shard: Shard, records: Iterable[Record], rules: Rules, refuse: Refuse = no_refusal) -> list[Ask]:
    """Apply the records in log order; the decisions to be taken come back in the order in which they came up.

    `refuse` is given what is no timeline record of this version, and why: it changes no shopper. One whose tail is
    damaged stands in the shopper's history, and nothing else comes of it.
    """
    made: list[Ask] = []
    sources, changed, unpack = shard.sources, shard.changed, _HEAD.unpack_from
    hot, touch = shard.shoppers.hot, shard.shoppers.touch
    ask_again_ms = rules.score_every_ms if rules.ask_models else NEVER
    for record in records:
        value, key, offset = record.value, record.key, record.offset
        shard.offset = offset + 1
        if key is None or not value or value[0] != VERSION or len(value) < TAIL_AT or value[SLOT_AT] > LAST_EVENT:
            made += control(shard, record, rules, refuse)
            continue
        topic, partition, position, kind, at_low, at_high = unpack(value)
        source = topic << 16 | partition
        if position <= sources.get(source, -1):
            continue
        sources[source] = position
        shopper = hot.get(key) or touch(key)
        if offset <= shopper.fence:
            continue
        shopper.fence = offset
        changed[key] = shopper
        at_ms = at_low | at_high << 32
        if not remember(shopper, value[_ID], value[_SLOT], at_ms // HOUR_MS):
            continue
        if kind > LAST_CLICK or ((shopper.open_carts or shopper.waiting) and at_ms >= shopper.asked_ms + ask_again_ms):
            try:
                detail = decode_detail(value[TAIL_AT:])
            except msgspec.MsgspecError as damage:
                refuse(record, f"a damaged tail ({damage})")
                continue
            at = (topic, partition, position >> ORDINAL_BITS, position & 0xFFFF)
            made += attend(shard, key, Waiting(at_ms, at, kind, detail), rules)
    return made


def attend(shard: Shard, key: bytes, event: Waiting, rules: Rules) -> list[Ask]:
    """What an event needs beyond being remembered: carts and purchases wait, consent is kept, a model may be asked."""
    shopper = shard.shoppers.hot[key]
    made: list[Ask] = []
    if FIRST_CART <= event.kind <= LAST_PURCHASE:
        made += _enqueue(shard, key, event, rules)
    elif event.kind == Kind.CONSENT_UPDATED:
        hear_consent(shopper, event)
    if _worth_asking(shopper, event, rules):
        shopper.asked_ms = event.at_ms
        made.append(asks.about_event(key, shopper, event, rules.cart_idle_ms, shard.consent_ms))
    return made


def hear_consent(shopper: Shopper, event: Waiting) -> None:
    """Keep what was said last, in event time: what is older only tells of categories that are not known yet."""
    known, said = dict(shopper.consents), dict(event.detail.consents)
    together = known | said if event.at_ms >= shopper.consented_ms else said | known
    shopper.consents = shared(tuple(sorted(together.items())))
    shopper.consented_ms = max(shopper.consented_ms, event.at_ms)


def control(shard: Shard, record: Record, rules: Rules, refuse: Refuse = no_refusal) -> list[Ask]:
    """A record of the log about itself. On a TICK the watermark moves, never back: forget who has gone, apply what
    waited, fire what is due. Other kinds are for readers that know them; what is no record of ours is refused."""
    value = record.value
    if record.key is not None or not value or value[0] != VERSION or len(value) < TAIL_AT or value[SLOT_AT] < Kind.TICK:
        refuse(record, _strange(record.key, value))
        return []
    if value[SLOT_AT] != Kind.TICK:
        return []
    try:
        at_ms, consent_ms = decode_tick(value)
    except StructError:
        at_ms = consent_ms = -1
    if not 0 <= at_ms < LATEST_MS:
        refuse(record, f"a TICK of {len(value)} bytes, of the time {at_ms}")
        return []
    shard.consent_ms = max(shard.consent_ms, consent_ms)
    return _ticked(shard, at_ms, rules)


def _ticked(shard: Shard, at_ms: int, rules: Rules) -> list[Ask]:
    if at_ms <= shard.watermark_ms:
        return []
    if due := slices_due(shard.watermark_ms, at_ms):
        shard.forget_idle(due, at_ms - rules.shopper_ttl_ms)
    shard.watermark_ms = at_ms
    return [ask for key in shard.due() for ask in advance(shard, key, rules)]


def _strange(key: bytes | None, value: bytes | None) -> str:
    if not value:
        return "no value"
    if value[0] != VERSION:
        return f"version {value[0]}, not {VERSION}; where Kairos wrote it, upgrade the workers that decide"
    if len(value) < TAIL_AT:
        return f"{len(value)} bytes, fewer than the {TAIL_AT} of its fixed part"
    return f"kind {value[SLOT_AT]} {'without' if key is None else 'with'} a key"


def advance(shard: Shard, key: bytes, rules: Rules) -> list[Ask]:
    """Bring one shopper up to the watermark: the decisions that come of it."""
    shopper = shard.shoppers.hot.get(key)
    if shopper is None:
        return []  # forgotten, or let go: then nothing is open
    made, waiting, open_carts = [], shopper.waiting, shopper.open_carts
    for happened in episodes.advance(shopper, shard.watermark_ms, rules.cart_idle_ms):
        if happened.abandoned is not None:
            made.append(asks.about_timer(key, shopper, happened.abandoned, shard.watermark_ms, shard.consent_ms))
        if happened.purchase is not None:
            made.append(asks.about_purchase(key, shopper, happened.purchase))
    if shopper.waiting is not waiting or shopper.open_carts is not open_carts:
        shard.changed[key] = shopper
        shopper.fence = max(shopper.fence, shard.offset - 1)
        for cart in shopper.open_carts:
            if not any(cart is other for other in open_carts):
                shard.schedule(cart.deadline_ms, key)
    return made


def _enqueue(shard: Shard, key: bytes, event: Waiting, rules: Rules) -> list[Ask]:
    shopper = shard.shoppers.hot[key]
    shopper.cart_events += event.kind <= LAST_CART
    late = event.at_ms < shard.watermark_ms
    shopper.late += late
    episodes.wait(shopper, event)
    shard.schedule(event.at_ms + 1, key)
    return advance(shard, key, rules) if late else []


def _worth_asking(shopper: Shopper, event: Waiting, rules: Rules) -> bool:
    if not rules.ask_models or event.kind > LAST_CART or event.at_ms < shopper.asked_ms + rules.score_every_ms:
        return False
    return bool(shopper.open_carts) or any(waiting.kind <= LAST_CART for waiting in shopper.waiting)
