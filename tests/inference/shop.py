"""A shop that can be learned: who takes things out of the cart abandons it, who starts the checkout buys."""

import math
import random
from collections.abc import Iterator

from inference.dataset import Example
from inference.inputs import CONTEXT, Request
from schemas.history import SLOT
from schemas.kinds import Kind

START_MS = 1_790_000_000_000
DAY_MS = 86_400_000


def slot(kind: int, at_ms: int, item: int = 0, price: int = 0) -> bytes:
    return SLOT.pack(kind, at_ms & 0xFFFFFFFF, at_ms >> 32, item, item % 7, price)


def examples(count: int, seed: int = 0, days: int = 20) -> Iterator[Example]:
    """Examples in the order of their times, a tenth of each label masked; `truth` is what the label was drawn from."""
    rng = random.Random(seed)
    for at_ms in sorted(START_MS + rng.randrange(days * DAY_MS) for _ in range(count)):
        kinds = [rng.choice([1, 1, 1, 3, 5, 5, 6, 7, 8]) for _ in range(rng.randint(0, 32))]
        context = tuple(rng.expovariate(0.1) for _ in CONTEXT)
        truth = _sigmoid(2.0 * kinds[-6:].count(Kind.PRODUCT_REMOVED) - 0.2 * context[0])
        buys = _sigmoid(-2.0 + 3.0 * (Kind.CHECKOUT_STARTED in kinds[-4:]))
        yield Example(
            request=_request(rng, kinds, at_ms, context),
            abandon_30m=_drawn(rng, truth),
            purchase_24h=_drawn(rng, buys),
            next_action=-1 if rng.random() < 0.1 else (kinds[-1] if kinds else 0),
            purchase_1h=_drawn(rng, 0.6 * buys),
            purchase_session=_drawn(rng, 0.8 * buys),
            churn_30d=_drawn(rng, 0.9 - 0.8 * buys),
            next_event=-1 if rng.random() < 0.1 else min(6, len(kinds) // 4),
            truth=truth,
            at_ms=at_ms,
            shopper=rng.getrandbits(64),
        )


def _request(rng: random.Random, kinds: list[int], at_ms: int, context: tuple[float, ...]) -> Request:
    times = sorted(at_ms - int(rng.expovariate(1 / 600_000)) for _ in kinds)
    slots = [
        slot(kind, time, rng.randrange(1, 50), rng.randrange(10_000)) for kind, time in zip(kinds, times, strict=True)
    ]
    return Request(b"".join(slots), at_ms, context)


def _drawn(rng: random.Random, probability: float) -> float:
    return math.nan if rng.random() < 0.1 else float(rng.random() < probability)


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))
