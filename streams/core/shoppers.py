"""The shoppers of a timeline partition, in two tiers: those in use are objects, all others the bytes of their record.

What a shopper is does not depend on the tier. Whoever has something open is in memory, and so is whoever has changed
since the last write; all others are decoded at their first touch, and may be let go again.
"""

from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final, Protocol, TypeVar

import msgspec
from xxhash import xxh3_64_intdigest

from schemas.shopper import Glance, Shopper, decode_glance, decode_shopper, is_open

SLICES: Final = 4_096
"""The keys are cut into so many slices, by hash: in a day each is looked at once for who has been away for too long."""
DAY_MS: Final = 86_400_000
_MOST_AT_ONCE: Final = 20_000
"""At most so many shoppers are let go at a time, some milliseconds of work."""

T = TypeVar("T")
Change = tuple[bytes, bytes | None]


class Cold(Protocol):
    """Keeps records of shoppers by key. Whoever is in memory may stand here too, older: what is in memory counts."""

    def get(self, key: bytes) -> bytes | None:
        """The record of a shopper who is taken into memory now."""

    def keep(self, key: bytes, shopper: Shopper) -> None:
        """This shopper, all of whose changes were written, is let go from memory now."""

    def remove(self, key: bytes) -> None:
        """This shopper was forgotten; that this was written is told later."""

    def renew(self, key: bytes) -> None:
        """Somebody new is in memory now, perhaps one who was forgotten and is back before that is written."""

    def write(self, changes: Iterable[Change], position: int) -> None:
        """A transaction wrote these changes to the changelog; all that was ever written before `position` is known."""

    def slices(self, due: Collection[int]) -> Iterable[tuple[bytes, bytes]]:
        """Keys and records of some slices."""

    def open_keys(self) -> Iterable[bytes]:
        """Of whom something is open: a cart, or an event that waits."""

    def close(self) -> None:
        """Nothing is asked or told any more."""

    def __iter__(self) -> Iterator[bytes]: ...

    def __len__(self) -> int: ...


class Shoppers(Mapping[bytes, Shopper]):
    """What is known by key. To look somebody up is to take them into memory; `hot` holds who is there."""

    def __init__(self, cold: Cold) -> None:
        """Take over what is known; whoever has something open comes into memory at once."""
        self.cold, self.cold_reads = cold, 0
        self.hot: dict[bytes, Shopper] = {}
        self._slices: dict[int, list[bytes]] = {}  # the keys of `hot`; sets of them cost 40 to 70 bytes a shopper
        for key in list(cold.open_keys()):
            self.get(key)

    def touch(self, key: bytes) -> Shopper:
        """This shopper; a new one where there is none."""
        found = self.get(key)
        if found is None:
            self.cold.renew(key)
            return self.put(key, Shopper())
        return found

    def put(self, key: bytes, shopper: Shopper) -> Shopper:
        """Take this one into memory, whatever was known."""
        if key not in self.hot:
            self._slices.setdefault(slice_of(key), []).append(key)
        self.hot[key] = shopper
        return shopper

    def remove(self, key: bytes) -> None:
        """Nothing is known of this shopper any more."""
        self._leave(key)
        self.cold.remove(key)

    def slices(self, due: Collection[int]) -> list[tuple[bytes, Shopper | Glance]]:
        """Everybody in some slices of whom nothing is open."""
        hot = self.hot
        found: list[tuple[bytes, Shopper | Glance]] = [
            (key, hot[key]) for keys in among(self._slices, due) for key in keys if not is_busy(hot[key])
        ]
        for key, value in self.cold.slices(due):
            if key not in hot and not is_open(value):
                found.append((key, decode_glance(value)))
        return found

    def cool(self, most: int, changed: Container[bytes], decided: Container[bytes]) -> None:
        """Let go of those beyond `most`: of those who came longest ago, the half that was used least lately.

        Who has something open, or changes that were not written (`changed`, `decided`), stays: then more than `most`
        are left. A shopper's fence tells when the log spoke of them last.
        """
        excess = min(len(self.hot) - most, _MOST_AT_ONCE)
        if excess <= 0:
            return
        front, idle = list(islice(self.hot.items(), 2 * excess)), list[tuple[int, bytes]]()
        for key, shopper in front:
            self.hot[key] = self.hot.pop(key)  # at the end, where it is looked at again last
            if key not in changed and key not in decided and not is_busy(shopper):
                idle.append((shopper.fence, key))
        idle.sort()
        for _, key in idle[:excess]:
            self.cold.keep(key, self.hot[key])
            self._leave(key)

    def get(self, key: bytes, default: Shopper | None = None) -> Shopper | None:  # type: ignore[override]
        """The shopper, None without one."""
        found = self.hot.get(key)
        if found is not None:
            return found
        value = self.cold.get(key)
        if value is None:
            return default
        self.cold_reads += 1
        try:
            return self.put(key, decode_shopper(value))
        except msgspec.MsgspecError as damage:
            msg = f"expected the state of the shopper {key!r} in the changelog, got damage: {damage}; see the runbook"
            raise ValueError(msg) from damage

    def __getitem__(self, key: bytes) -> Shopper:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[bytes]:
        return iter([*self.hot, *(key for key in self.cold if key not in self.hot)])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _leave(self, key: bytes) -> None:
        if self.hot.pop(key, None) is not None:
            self._slices[slice_of(key)].remove(key)


def slice_of(key: bytes) -> int:
    """The slice of a key.

    >>> slice_of(b"ann")
    1154
    """
    return int(xxh3_64_intdigest(key)) >> 52  # the low bits chose the partition


def slices_due(was_ms: int, now_ms: int) -> Collection[int]:
    """The slices whose time of the day the watermark passes when it moves from `was_ms` to `now_ms`.

    >>> slices_due(0, 45_000), len(slices_due(-1, DAY_MS))
    ([1, 2], 4096)
    """
    last, first = now_ms * SLICES // DAY_MS, was_ms * SLICES // DAY_MS + 1
    if last - first >= SLICES - 1:
        return range(SLICES)
    return [nth % SLICES for nth in range(first, last + 1)]


def among(slices: Mapping[int, T], due: Collection[int]) -> list[T]:
    """What stands under those of the slices that are due, in few steps where few are due or few are known."""
    if len(slices) < len(due):
        return [found for nth, found in slices.items() if nth in due]
    return [slices[nth] for nth in due if nth in slices]


def is_busy(shopper: Shopper) -> bool:
    """Whether something is open: a cart, or an event that waits for the watermark."""
    return bool(shopper.open_carts or shopper.waiting)
