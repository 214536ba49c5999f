"""An explanation as it is told: each event of the history and each number of the context, with what it pushed."""

from typing import NamedTuple

import msgspec
import numpy as np

from inference.explain import Explanation
from inference.heads import DAY_MS
from inference.inputs import CONTEXT, Request
from schemas.decisions import Contribution
from schemas.history import at_ms, events
from schemas.interventions import iso
from schemas.kinds import NAMES, Kind
from streams.replay.shopper_requests import Asked


class ExplainedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the history. `product` is its name or id, None where not known, `price` in minor units, 0 unknown."""

    at: str
    event: str
    product: str | None
    price: int
    contribution: float


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """Why a shopper has this score at this moment: the contributions and `start` add up to `score`, but for `apart`.

    Oldest event first; the context by the size of its contributions.
    """

    shopper: str
    at: str
    head: str
    score: float
    start: float
    apart: float
    events: tuple[ExplainedEvent, ...]
    context: tuple[Contribution, ...]


class Question(NamedTuple):
    """Whose score, and which one."""

    shopper: str
    asked: Asked


def explained(question: Question, found: Explanation) -> Explained:
    """The explanation of a request's score, with the names of things."""
    shopper, asked = question
    history = events(asked.request.history)
    happened = zip(history, at_ms(history).tolist(), found.events, strict=True)
    values = _values(asked.request)
    context = [
        Contribution(feature=name, value=round(values[name], 3), contribution=push)
        for name, push in found.context.items()
    ]
    return Explained(
        shopper=shopper,
        at=iso(asked.request.at_ms),
        head=found.head,
        score=found.score,
        start=found.start,
        apart=found.apart,
        events=tuple(_event(slot, when_ms, asked.products, push) for slot, when_ms, push in happened),
        context=tuple(sorted(context, key=lambda one: -abs(one.contribution))),
    )


def _event(slot: np.void, when_ms: int, products: dict[int, str], push: float) -> ExplainedEvent:
    return ExplainedEvent(
        at=iso(when_ms),
        event=NAMES[Kind(int(slot["kind"]))],
        product=products.get(int(slot["item"])) or None,
        price=int(slot["price"]),
        contribution=push,
    )


def _values(request: Request) -> dict[str, float]:
    return {
        **dict(zip(CONTEXT, request.context, strict=True)),
        "hour_of_day": request.at_ms % DAY_MS / 3_600_000,
    }
