"""One record of every class in `schemas/`, with every field set, and how it becomes bytes and comes back."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from schemas import dead_letters, decisions, events, interventions, progress, shopper, timeline
from schemas.kinds import Kind

AT = 1_700_000_000_123
UUID = "0f0e0d0c-0b0a-5908-8706-050403020100"
ITEM = timeline.Item("mug", 1999, 2, "kitchen", "A mug")
SOURCE = timeline.Coordinate(2, 7, 123_456_789_012, 1)
DETAIL = timeline.Detail(
    "m-1", (ITEM,), "EUR", "s-1", "c-1", "c-0", "o-1", 3998, "blue mug", (("marketing", True),), "00-aa-bb-01"
)
TRACK = {
    "message_id": "m-1",
    "user_id": "u-1",
    "anonymous_id": "a-1",
    "timestamp": AT,
    "original_timestamp": AT + 1,
    "sent_at": AT + 2,
    "received_at": AT + 3,
}
MUG = {"product_id": "mug", "category": "kitchen", "name": "A mug", "price": 19.99, "quantity": 2}
VIEWED = events.Viewed(**MUG, currency="EUR", session_id="s-1")
LINE = events.CartLine(**MUG, currency="EUR", cart_id="c-1", previous_cart_id="c-0", session_id="s-1")
PRODUCTS = (events.Product(**MUG),)
ORDER = events.Order(
    order_id="o-1", currency="EUR", cart_id="c-1", total=39.98, revenue=33.6, coupon="TEN", products=PRODUCTS,
    session_id="s-1",
)  # fmt: skip
DECIDED = decisions.Decided(
    mode="model",
    model=decisions.Model(name="shopper_lstm", version="3"),
    scores={"abandon_30m": 0.81, "purchase_24h": 0.22},
    propensity=1.0,
    reasons=(decisions.Contribution(feature="cart_idle_s", value=750.0, contribution=0.31),),
    policy=decisions.Policy(id="default", version="2026-10-01", trace=("consent:ok", "cap:ok")),
)
TARGET = interventions.Target(id="u-1")
TRIGGER = interventions.Trigger(
    event_id="m-1", event="Product Added", cart_id="c-1", event_time="2023-11-14T22:13:20.123Z"
)
CONTENT = interventions.content("c-1", "EUR", (ITEM,))
LATER = "2023-11-15T22:13:20.123Z"


class Sample(NamedTuple):
    """A record and its codec. `decode` is None where only others read the bytes."""

    record: Any
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any] | None


def _event(kind: type, **fields: Any) -> Sample:
    return Sample(kind(**TRACK, **fields), msgspec.json.encode, msgspec.json.Decoder(events.Event).decode)


def _dead_letter_bytes(letter: dead_letters.DeadLetter) -> bytes:
    headers = dead_letters.headers(letter, [("trace", b"\xff\x00")], "shop.events.cart.v1", 3, 17, "kairos")
    return msgspec.json.encode(headers)  # bytes become base64


EVENTS = {
    "product_viewed": _event(events.ProductViewed, properties=VIEWED),
    "product_list_viewed": _event(
        events.ProductListViewed,
        properties=events.Listed(
            list_id="l-1", category="kitchen", currency="EUR", products=PRODUCTS, session_id="s-1"
        ),
    ),
    "product_clicked": _event(events.ProductClicked, properties=VIEWED),
    "products_searched": _event(
        events.ProductsSearched, properties=events.Searched(query="blue mug", session_id="s-1")
    ),
    "product_added": _event(events.ProductAdded, properties=LINE),
    "product_removed": _event(events.ProductRemoved, properties=LINE),
    "cart_viewed": _event(
        events.CartViewed,
        properties=events.CartSeen(
            currency="EUR", cart_id="c-1", previous_cart_id="c-0", products=PRODUCTS, session_id="s-1"
        ),
    ),
    "checkout_started": _event(
        events.CheckoutStarted,
        properties=events.Checkout(
            currency="EUR", order_id="o-1", cart_id="c-1", value=39.98, products=PRODUCTS, session_id="s-1"
        ),
    ),
    "order_completed": _event(events.OrderCompleted, properties=ORDER),
    "order_refunded": _event(events.OrderRefunded, properties=ORDER),
    "consent_updated": _event(
        events.ConsentUpdated,
        context=events.Context(consent=events.Consent(category_preferences={"marketing": True})),
    ),
}
INTERVENTION = interventions.Intervention(
    intervention_id=UUID, name="cart_nudge", version=1, target=TARGET, trigger=TRIGGER, decision=DECIDED,
    content=CONTENT, not_before="2023-11-14T22:43:20.123Z", expires_at=LATER, channel_hints=("email", "push"),
)  # fmt: skip
RETRACTION = interventions.Retraction(
    intervention_id=UUID, retracts=UUID.replace("0f0e", "1f1e"), name="cart_nudge", target=TARGET,
    trigger=TRIGGER, reason="converted", retracted_at=LATER,
)  # fmt: skip
SUPPRESSED = interventions.Suppressed(
    intervention_id=UUID, name="cart_nudge", target=TARGET, trigger=TRIGGER, decision=DECIDED, content=CONTENT,
    reason="already_converted", suppressed_at=LATER,
)  # fmt: skip
DECISION = decisions.Decision(
    decision_id=UUID, user_id="u-1", asked="timer", cause=str(SOURCE), at_ms=AT, now_ms=AT + 40,
    features="00112233445566ff", action="cart_nudge", outcome="suppressed", decision=DECIDED,
    suppressed="already_converted",
)  # fmt: skip
ENTRY = timeline.Entry(
    SOURCE, timeline.Slot(Kind.PRODUCT_ADDED, AT, (1 << 48) - 2, (1 << 64) - 3, (1 << 32) - 4, 1999), DETAIL
)
SHOPPER = shopper.Shopper(
    fence=41, events=1, ids=b"abcdef", ring=bytearray(range(23)), hour=472_222, clicks=3,
    carts=2, purchases=1, earlier=b"\x01\x02",
    waiting=(shopper.Waiting(AT, SOURCE, Kind.PRODUCT_ADDED, DETAIL),),
    open_carts=(shopper.Cart("c-1", SOURCE, AT, AT + 5, AT + 1_800_005, "EUR", (ITEM,), "m-1", 5),),
    closed_ms=AT - 9, bought_ms=AT - 8, bought_value=3998, asked_ms=AT - 7, consents=(("marketing", True),),
    nudges=(shopper.Nudge(UUID, "cart_nudge", "2/7/1/0", AT, AT + 86_400_000, "c-1", True, AT - 3),),
    duplicates=1, late=2, cart_events=3, episodes=4, abandoned=5, bought=6, emptied=7, merged=8, orders=9,
    consented_ms=AT - 2,
)  # fmt: skip
META = shopper.Meta(offset=42, watermark_ms=AT, consent_ms=AT - 1, sources=((2, 7, 17, 1),))
DEAD_LETTER = dead_letters.DeadLetter(
    stage="VALIDATE", failure="missing_field", reason="expected messageId, got none, in shop.events.cart.v1[3] at 17"
)
KNOWN = {"shop.events.click.v1": progress.Known(id="7b848626147a48d0bfb24a9838e62e95", epoch=1)}
SAMPLES: dict[str, Sample] = {
    **EVENTS,
    "entry": Sample(ENTRY, lambda entry: timeline.encode_entry(*entry), timeline.decode_entry),
    "tick": Sample(timeline.Tick(AT, AT - 1), timeline.encode_tick, timeline.decode_tick),
    "shopper": Sample(SHOPPER, shopper.encode_shopper, shopper.decode_shopper),
    "meta": Sample(META, shopper.encode_meta, shopper.decode_meta),
    "progress": Sample(progress.Progress(at_ms=AT, offset=17), progress.encode, progress.decode_progress),
    "clock": Sample(progress.Clock(at_ms=AT), progress.encode, progress.decode_clock),
    "known_topics": Sample(KNOWN, progress.encode_known, progress.decode_known),
    "decision": Sample(DECISION, decisions.encode_decision, decisions.decode_decision),
    "intervention": Sample(INTERVENTION, interventions.encode, interventions.decode_intervention),
    "retraction": Sample(RETRACTION, interventions.encode, interventions.decode_retraction),
    "suppressed": Sample(SUPPRESSED, interventions.encode, interventions.decode_suppressed),
    "dead_letter": Sample(DEAD_LETTER, _dead_letter_bytes, None),
}
