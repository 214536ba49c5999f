"""The reasons of a decision: what was known of the shopper, and how much each of it pushed the score.

What pushed comes from the model with its scores, and is told with the decision; so a replay with recorded scores finds
it there, and says the same.
"""

import math
from collections.abc import Mapping, Sequence
from struct import Struct
from typing import Final

from inference.heads import HOUR_MS
from inference.inputs import CONTEXT, PUSHED, Request
from schemas.decisions import Contribution
from schemas.history import SLOT_SIZE
from schemas.kinds import NAMES

NAMED: Final = ("cart_value", "cart_age_s", "cart_idle_s", "clicks_1h", "orders")
"""What is always told."""
OTHERS: Final = 3
"""So many others are told, those that pushed most."""
_DIGITS: Final = 4
_PUSHES: Final = Struct(f"<{len(PUSHED)}f")
_KINDS: Final = tuple(zip(PUSHED[len(CONTEXT) + 1 :], NAMES, strict=True))


def reasons(request: Request | None, pushes: bytes) -> tuple[Contribution, ...]:
    """Why: first what pushed most, up or down. Without pushes what is always told, with contributions of 0.

    The value of a kind of event is how many of them the model saw.
    """
    if request is None:
        return ()
    pushed = {name: push for name, push in _by_name(pushes).items() if push}
    if not pushed:
        return _told(NAMED, request, pushed)
    others = sorted((name for name in pushed if name not in NAMED), key=lambda name: -abs(pushed[name]))[:OTHERS]
    named = sorted({*NAMED, *others}, key=lambda name: (-abs(pushed.get(name, 0.0)), PUSHED.index(name)))
    return _told(named, request, pushed)


def recorded_pushes(told: Sequence[Contribution]) -> bytes:
    """The pushes of recorded reasons, for `reasons` to say the same."""
    known = {one.feature: one.contribution for one in told}
    return _PUSHES.pack(*(known.get(name, math.nan) for name in PUSHED))


def _by_name(pushes: bytes) -> dict[str, float]:
    """The pushes that are known, rounded as they are told: so what was told and is read again is the same."""
    numbers = _PUSHES.unpack(pushes) if pushes else ()
    named = zip(PUSHED, numbers, strict=False)
    return {name: round(push, _DIGITS) for name, push in named if not math.isnan(push)}


def _told(names: Sequence[str], request: Request, pushed: Mapping[str, float]) -> tuple[Contribution, ...]:
    kinds = request.history[::SLOT_SIZE]
    known = dict(zip(CONTEXT, request.context, strict=True)) | {name: float(kinds.count(kind)) for name, kind in _KINDS}
    known["hour_of_day"] = request.at_ms // HOUR_MS % 24
    return tuple(
        Contribution(feature=name, value=round(float(known[name]), 3), contribution=pushed.get(name, 0.0))
        for name in names
    )
