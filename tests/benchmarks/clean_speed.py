"""How long cleaning takes, in microseconds per event of each kind: `python tests/benchmarks/clean_speed.py [--json]`.

The best of several passes over 2,000 different events of each kind: 500 products, 40 categories, 1,000 prices.
"""

import argparse
import sys
from collections.abc import Iterator
from time import thread_time
from typing import Any

import msgspec

from schemas import topics
from schemas.dead_letters import DeadLetter
from schemas.interventions import iso
from streams.core.clean import CleanRules, Input, clean

EVENTS, PASSES = 2_000, 7
NOW_MS = 1_700_000_000_000
SOURCE = Input(topics.CLICK.name, topics.CLICK.id, 0)
RULES = CleanRules()
TRACE = [("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]


def product(n: int, **more: Any) -> dict[str, Any]:
    """One product, as a shop sends it."""
    name = f"{n % 500 + 1_004_000}"
    return {"product_id": name, "category": f"electronics.c{n % 40}", "price": n % 1_000 + 0.99, "quantity": 1, **more}


def properties(n: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name and the properties of the n-th event of each kind."""
    ids = {"session_id": f"5b4fd7c0-{n:012}", "currency": "EUR"}
    cart = {**ids, "cart_id": f"cart-{n}"}
    products = [product(n + i) for i in range(3)]
    yield "Product Viewed", product(n, **ids)
    yield "Product List Viewed", {"list_id": "hot", "category": "electronics", "products": products, **ids}
    yield "Product Clicked", product(n, **ids)
    yield "Products Searched", {"query": "red shoes", "session_id": ids["session_id"]}
    yield "Product Added", product(n, **cart)
    yield "Product Removed", product(n, **cart)
    yield "Cart Viewed", {"products": products, **cart}
    yield "Checkout Started", {"products": products, "value": 71.5, **cart}
    yield "Order Completed", {"order_id": f"o{n}", "total": 71.5, "products": products, **cart}
    yield "Order Refunded", {"order_id": f"o{n}", "total": 71.5, "products": products, **cart}


def event(n: int, name: str, **rest: Any) -> bytes:
    """The n-th event of a kind: JSON with an ISO time."""
    common = {"event": name, "messageId": f"5b4fd7c0-9d0f-{n:012}", "userId": f"user-{n}"}
    return msgspec.json.encode({**common, "originalTimestamp": iso(NOW_MS + n), **rest})


def kinds() -> dict[str, list[bytes]]:
    """Events of each kind, and variants of Product Viewed."""
    found: dict[str, list[bytes]] = {}
    for n in range(EVENTS):
        for name, filled in properties(n):
            found.setdefault(name, []).append(event(n, name, properties=filled))
        view = next(properties(n))[1]
        skew = {"sentAt": iso(NOW_MS + n + 500), "receivedAt": iso(NOW_MS + n + 900)}
        found.setdefault(". with sentAt, receivedAt", []).append(event(n, "Product Viewed", properties=view, **skew))
        ints = {"originalTimestamp": NOW_MS + n}
        found.setdefault(". with a time in ms", []).append(event(n, "Product Viewed", properties=view, **ints))
        nulls = {"userId": None, "anonymousId": f"a{n}"}
        found.setdefault(". with userId null", []).append(event(n, "Product Viewed", properties=view, **nulls))
        found.setdefault("consent", []).append(consent(n))
        found.setdefault("refused: price -1", []).append(event(n, "Product Viewed", properties={**view, "price": -1}))
        found.setdefault("refused: cut off", []).append(event(n, "Product Viewed", properties=view)[:-20])
    return found


def consent(n: int) -> bytes:
    """What a shopper may be asked."""
    context = {"consent": {"categoryPreferences": {"marketing": True, "analytics": n % 2 == 0}}}
    return event(n, "Segment Consent Preference Updated", context=context)


def microseconds(values: list[bytes], headers: list[tuple[str, bytes | None]], *, refused: bool) -> float:
    """Microseconds per event, the best pass. Raises `SystemExit` if an event's fate is not the expected one."""
    best = float("inf")
    for _ in range(PASSES):
        started = thread_time()
        results = [clean(SOURCE, n, value, headers, NOW_MS + 10_000, RULES) for n, value in enumerate(values)]
        best = min(best, thread_time() - started)
    wrong = [result for result in results if isinstance(result, DeadLetter) is not refused]
    if wrong:
        sys.exit(f"expected every event to be {'refused' if refused else 'clean'}, got {wrong[0]}")
    return best / len(values) * 1e6


def main() -> None:
    """Print the table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    found = kinds()
    figures = {name: microseconds(values, [], refused=name.startswith("refused")) for name, values in found.items()}
    figures[". with traceparent"] = microseconds(found["Product Viewed"], [*TRACE], refused=False)
    if as_json:
        print(msgspec.json.encode(figures).decode())
        return
    for name, figure in figures.items():
        print(f"{name:28} {figure:6.2f} µs per event")


if __name__ == "__main__":
    main()
