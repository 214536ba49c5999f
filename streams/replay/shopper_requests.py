"""The requests about one shopper in a recorded log, where the live path would have made them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import xxhash

from inference.dataset import Examples, are_examples, read_examples
from inference.inputs import CONTEXT, Request
from schemas.timeline import decode_entry
from streams.core.partitions import timeline_partition
from streams.core.shard import Rules
from streams.replay.formats.table import RecordedLog
from streams.replay.moments import PARTITIONS, Moments, Seen
from streams.replay.share import Share

_OPEN_CARTS: Final = CONTEXT.index("open_carts")


class Asked(NamedTuple):
    """A request about a shopper, and the product of each hash in its history, as far as that is known."""

    request: Request
    products: dict[int, str]


def requests(path: Path, shopper: str) -> Iterator[Asked]:
    """All requests about a shopper in the order of the log: of a log, or of a folder of `kairos examples`.

    Examples know shoppers and products by their hashes only: they name no product. Raises `ValueError` or
    `UnreadableFile` where it cannot be read.
    """
    if are_examples(path):
        return _of_examples(read_examples(path), shopper)
    return _of_log(path / "events.jsonl" if path.is_dir() else path, shopper.encode())


def choose(asked: Iterator[Asked], at: datetime | None, *, with_cart: bool) -> Asked:
    """The last request, of those no later than `at`, and with an open cart where that is wanted.

    Raises `ValueError` where there is none, which says what there is.
    """
    found = list(asked)
    last_ms = None if at is None else int(at.timestamp() * 1_000)
    fits = [one for one in found if last_ms is None or one.request.at_ms <= last_ms]
    fits = [one for one in fits if not with_cart or one.request.context[_OPEN_CARTS] > 0]
    if not fits:
        raise ValueError(f"expected {_wanted(at, with_cart)} about this shopper, got {_told(found)}")
    return fits[-1]


def moment(at_ms: int) -> str:
    """A moment as people read it, in UTC."""
    return f"{datetime.fromtimestamp(at_ms / 1_000, UTC):%Y-%m-%d %H:%M:%S}"


def _wanted(at: datetime | None, with_cart: bool) -> str:
    return "a request" + (" with an open cart" if with_cart else "") + (f" until {at:%Y-%m-%d %H:%M:%S}" if at else "")


def _told(found: list[Asked]) -> str:
    if not found:
        return "none at all; look for the id in the log: it is the Kafka key, the user id, else the anonymous id"
    first, last = (moment(one.request.at_ms) for one in (found[0], found[-1]))
    return f"{len(found)} from {first} to {last} (UTC), none of them so; choose another --at or --head"


def _of_log(path: Path, key: bytes) -> Iterator[Asked]:
    """Steps the log for the shoppers of one partition only, of which the wanted one is one."""
    moments = Moments(Rules(), Share(timeline_partition(key, PARTITIONS), PARTITIONS))
    products = dict[int, str]()
    for one in moments.run(RecordedLog(path).arrivals()):
        if one.key != key:
            continue
        if isinstance(one, Seen):
            _, slot, detail = decode_entry(one.value)
            if detail.items:  # the slot's is the first
                products[slot.item] = detail.items[0].name or detail.items[0].product_id
        else:
            yield Asked(one.request, products)


def _of_examples(examples: Examples, shopper: str) -> Iterator[Asked]:
    mine = examples[examples["shopper"] == np.uint64(xxhash.xxh3_64_intdigest(shopper.encode()))]
    for one in mine:
        slots = one["history"]
        yield Asked(
            Request(slots[slots["kind"] > 0].tobytes(), int(one["asked_ms"]), tuple(one["context"].tolist())), {}
        )
