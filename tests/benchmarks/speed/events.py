"""The events that everybody is measured with: seeded, about 230 bytes of Segment's JSON, valid for `schemas/events.py`.

In a hundred events 90 are views, 7 put something into a cart, 3 are orders; the shopper is drawn at random each time.
"""

import random
from collections.abc import Iterator
from typing import Final, NamedTuple

from schemas.topics import CART, CLICK, PURCHASE, Topic

SHOPPERS: Final = 20_000
PRODUCTS: Final = 50_000
CATEGORIES: Final = 300
VIEWS, ADDS, ORDERS = 90, 7, 3
SEED: Final = 7
GAP_MS: Final = 2
"""Log time between two events: a million of them is 33 minutes of a busy shop, 50 events a shopper."""
FIRST_MS: Final = 1_790_000_000_000


class Event(NamedTuple):
    """One event: the input topic of Kairos where it belongs, the shopper as key, and its JSON."""

    topic: Topic
    key: bytes
    value: bytes


def events(count: int) -> Iterator[Event]:
    """The first `count` events, the same in every run."""
    rng = random.Random(SEED)
    topics = kinds(rng)
    for n in range(count):
        topic = topics[n % len(topics)]
        shopper = f"u{rng.randrange(SHOPPERS):05}"
        yield Event(topic, shopper.encode(), value(topic, shopper, f"m{n:010}", FIRST_MS + n * GAP_MS, rng))


def last_ms(count: int) -> int:
    """The time of the last of `count` events."""
    return FIRST_MS + (count - 1) * GAP_MS


def value(topic: Topic, shopper: str, message_id: str, at_ms: int, rng: random.Random, cart: str = "") -> bytes:
    """The JSON of one event of a kind that belongs to `topic`; with a `cart` id where one is given."""
    number = rng.randrange(PRODUCTS)
    price = price_cents(number) / 100
    product = (
        f'"product_id":"sku-{number:06}","category":"electronics.{number % CATEGORIES:03}","price":{price},"quantity":1'
    )
    in_cart = f',"cart_id":"{cart}"' if cart else ""
    properties = f'{{{product},"currency":"EUR"{in_cart}}}'
    if topic is PURCHASE:
        order = f'"order_id":"o{message_id}","currency":"EUR","total":{price}'
        properties = f'{{{order},"products":[{{{product}}}]}}'
    return (
        f'{{"messageId":"{message_id}","type":"track","event":"{_NAMES[topic.name]}","userId":"{shopper}",'
        f'"timestamp":{at_ms},"properties":{properties}}}'
    ).encode()


def price_cents(product: int) -> int:
    """What a product costs: always the same, between 1.00 and 1,000.00.

    >>> price_cents(0), price_cents(1)
    (100, 8019)
    """
    return 100 + product * 7_919 % 99_901


def kinds(rng: random.Random) -> list[Topic]:
    """A hundred kinds in a fixed, shuffled order."""
    kinds = [CLICK] * VIEWS + [CART] * ADDS + [PURCHASE] * ORDERS
    rng.shuffle(kinds)
    return kinds


_NAMES: Final = {CLICK.name: "Product Viewed", CART.name: "Product Added", PURCHASE.name: "Order Completed"}
