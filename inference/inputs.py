"""The tensor contract: what goes into a model, what comes out, and nothing else.

A request is the shopper's last events and a few numbers about the shopper, all of one moment; so a request can be asked
again, anywhere. Models obey the names, shapes and types declared here; Triton's configuration is generated from them.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.history import DTYPE, SLOT_SIZE, at_ms
from schemas.kinds import LAST_EVENT, LAST_PURCHASE, NAMES

Floats = npt.NDArray[np.float32]

HISTORY_EVENTS: Final = 32
"""How many of the last events a model sees."""

CONTEXT: Final = (
    "clicks_1h", "carts_1h", "purchases_1h",
    "clicks_24h", "carts_24h", "purchases_24h",
    "clicks_7d", "carts_7d", "purchases_7d",
    "events",  # in the shopper's life
    "orders", "episodes", "abandoned",  # likewise
    "since_purchase_s",  # -1: never bought
    "open_carts",
    "cart_value",  # minor units, of the cart that is asked about; 0 without one
    "cart_products", "cart_age_s", "cart_idle_s",
)  # fmt: skip
"""The numbers of a request's context, in order, as they are: scaling is the model's side of the contract."""

KINDS: Final = LAST_EVENT + 1
ITEM_BUCKETS: Final = 2048
CATEGORY_BUCKETS: Final = 256
"""How many values each of the three event ids may take. 0 is none; a bucket is 1 + hash modulo (buckets - 1)."""

ACTIONS: Final = LAST_PURCHASE + 1
"""What `next_action` chooses from: the kinds 1 to 10 of `schemas/kinds.py`, 0 for none within the horizon."""


class Request(NamedTuple):
    """What is asked about one shopper at `at_ms` (event time).

    `history`: at most 32 slots of `schemas/history.py`, oldest first, the newest is what happened at `at_ms` or before.
    `context`: one float for each name in `CONTEXT`.
    """

    history: bytes
    at_ms: int
    context: tuple[float, ...]


class Tensor(NamedTuple):
    """A tensor by name. `shape` leaves out the first axis, the batch: `()` is one number for each request."""

    name: str
    dtype: type[np.generic]
    shape: tuple[int, ...]


INPUTS: Final = (
    Tensor("event_ids", np.int16, (HISTORY_EVENTS, 3)),
    Tensor("event_numbers", np.float32, (HISTORY_EVENTS, 3)),
    Tensor("context", np.float32, (len(CONTEXT) + 3,)),
)
"""What every model is given; few and small, because they cross gRPC with every request (664 bytes).

- event_ids: kind, item bucket, category bucket. Short histories are padded on the left; padding is all 0.
- event_numbers: price (minor units), time since the event before (s), time from the event to `at_ms` (s), each as
  ln(1 + x) / 8, so between 0 and 3. The first event's time since the one before is 0. Padding is all 0.
- context: `CONTEXT` in order, each as ln(1 + x) / 8 with x clipped to [0, 1e9]; then 1 where the shopper ever bought
  (else 0); then sine and cosine of the hour of the day of `at_ms` in UTC.
"""

OUTPUTS: Final = (
    Tensor("purchase_24h", np.float32, ()),
    Tensor("abandon_30m", np.float32, ()),
    Tensor("next_action", np.float32, (ACTIONS,)),
)
"""What every model answers: probabilities. Those of `next_action` add up to 1."""

PUSHED: Final = (*CONTEXT, "hour_of_day", *(name.lower().replace(" ", "_") for name in NAMES.values()))
"""What may push a score: the numbers of the context, the hour, and the events of each kind in the history."""
PUSHES: Final = Tensor("pushes", np.float32, (len(PUSHED),))
"""What some models also answer: how much each of `PUSHED` pushed abandon_30m, see `inference/pushes.py`."""

_HISTORY_BYTES: Final = HISTORY_EVENTS * SLOT_SIZE
_DAY_MS: Final = 86_400_000
_SINCE_PURCHASE: Final = CONTEXT.index("since_purchase_s")


def tensors(requests: Sequence[Request]) -> dict[str, npt.NDArray[Any]]:
    """The input tensors of a batch, by name, as `INPUTS` declares them, the batch in front. B may be 0.

    Raises `ValueError` on a history longer than 32 slots.

    >>> {name: tensor.shape for name, tensor in tensors([Request(b"", 0, (0.0,) * len(CONTEXT))]).items()}
    {'event_ids': (1, 32, 3), 'event_numbers': (1, 32, 3), 'context': (1, 22)}
    """
    return columns(requests).tensors()


class Columns(NamedTuple):
    """A batch of requests as arrays.

    `history`: slots (`schemas/history.DTYPE`), shape (B, 32), empty slots on the left. `at_ms`: int64, shape (B,).
    `context`: float32, shape (B, 19).
    """

    history: npt.NDArray[np.void]
    at_ms: npt.NDArray[np.int64]
    context: Floats

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """What `tensors` makes of the same requests."""
        return {
            "event_ids": _event_ids(self.history),
            "event_numbers": _event_numbers(self.history, self.at_ms),
            "context": _context(self.context, self.at_ms),
        }


def columns(requests: Sequence[Request]) -> Columns:
    """The requests as arrays. Raises `ValueError` on a history longer than 32 slots."""
    context = np.array([request.context for request in requests], dtype=np.float32)
    return Columns(
        history=_padded(requests),
        at_ms=np.array([request.at_ms for request in requests], dtype=np.int64),
        context=context.reshape(len(requests), len(CONTEXT)),
    )


def _padded(requests: Sequence[Request]) -> npt.NDArray[np.void]:
    joined = b"".join([request.history.rjust(_HISTORY_BYTES, b"\0") for request in requests])
    if len(joined) != len(requests) * _HISTORY_BYTES:
        longest = max(len(request.history) for request in requests)
        msg = (
            f"expected histories of at most {_HISTORY_BYTES} bytes, got one of {longest} in a batch of "
            f"{len(requests)} requests; send the last {HISTORY_EVENTS} events"
        )
        raise ValueError(msg)
    return np.frombuffer(joined, dtype=DTYPE).reshape(len(requests), HISTORY_EVENTS)


def _event_ids(history: npt.NDArray[np.void]) -> npt.NDArray[np.int16]:
    ids = np.empty((*history.shape, 3), dtype=np.int16)
    ids[..., 0] = np.minimum(history["kind"], LAST_EVENT)
    ids[..., 1] = _bucket(history["item"], ITEM_BUCKETS)
    ids[..., 2] = _bucket(history["category"], CATEGORY_BUCKETS)
    return ids


def _bucket(hashes: npt.NDArray[Any], buckets: int) -> npt.NDArray[Any]:
    return np.where(hashes == 0, 0, 1 + hashes % hashes.dtype.type(buckets - 1))


def _event_numbers(history: npt.NDArray[np.void], asked_ms: npt.NDArray[np.int64]) -> Floats:
    event_ms = at_ms(history)
    seen = history["kind"] > 0
    numbers = np.zeros((*history.shape, 3), dtype=np.float32)
    numbers[..., 0] = history["price"]
    numbers[:, 1:, 1] = (event_ms[:, 1:] - event_ms[:, :-1]) * seen[:, :-1] / 1e3
    numbers[..., 2] = (asked_ms[:, None] - event_ms) * seen / 1e3
    return _scaled(numbers)


def _context(raw: Floats, asked_ms: npt.NDArray[np.int64]) -> Floats:
    angle = (asked_ms % _DAY_MS) * (2 * np.pi / _DAY_MS)
    bought = raw[:, _SINCE_PURCHASE] >= 0
    return np.column_stack([_scaled(raw), bought, np.sin(angle), np.cos(angle)]).astype(np.float32)


def _scaled(numbers: Floats) -> Floats:
    """ln(1 + x) / 8: seconds and cents span seven orders of magnitude, and a network wants numbers near 1."""
    scaled: Floats = np.log1p(np.clip(numbers, 0, 1e9)) * np.float32(1 / 8)
    return scaled
