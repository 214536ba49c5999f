"""How far shoppers came, and how far in each of their sessions: who looked, who filled a cart, who bought."""

from collections import Counter
from typing import Final

from schemas.history import SLOT
from schemas.kinds import LAST_CLICK, Kind
from schemas.timeline import SLOT_AT, TAIL_AT
from streams.replay.timeline import Logged

SESSION_MS: Final = 30 * 60_000
"""So much silence ends a session."""
DID: Final = ("viewed", "carted", "bought")
"""What is counted, by the bits of a shopper: each is done or not, in whatever order; a shop may sell without a cart."""
STEPS: Final = ("came", *DID)
_EVER, _SESSION = len(DID), len(DID)
_TIME: Final = _EVER + _SESSION
_ALL: Final = (1 << len(DID)) - 1
_BITS: Final[dict[int, int]] = {Kind.PRODUCT_ADDED: 2, Kind.ORDER_COMPLETED: 4}


class Visits:
    """Follows the shoppers of a share: a number for each, with the last event's time and what was done."""

    def __init__(self) -> None:
        self._shoppers: dict[bytes, int] = {}
        self._sessions = [0] * (_ALL + 1)

    def see(self, record: Logged) -> None:
        """Take an event."""
        key, value = record.key, record.value
        if key is None or len(value) < TAIL_AT:
            return
        kind, low, high, *_ = SLOT.unpack_from(value, SLOT_AT)
        at_ms, did = low | high << 32, 1 if kind <= LAST_CLICK else _BITS.get(kind, 0)
        known = self._shoppers.get(key)
        if known is None:
            self._shoppers[key] = at_ms << _TIME | did << _EVER | did
            return
        last_ms, ever, session = known >> _TIME, known >> _EVER & _ALL, known & _ALL
        if at_ms - last_ms > SESSION_MS:
            self._sessions[session] += 1
            session = 0
        self._shoppers[key] = max(at_ms, last_ms) << _TIME | (ever | did) << _EVER | session | did

    def counts(self) -> dict[str, dict[str, int]]:
        """How many shoppers and sessions came, and how many of them did each thing."""
        shoppers = Counter(known >> _EVER & _ALL for known in self._shoppers.values())
        sessions = Counter(dict(enumerate(self._sessions)))
        sessions.update(known & _ALL for known in self._shoppers.values())
        return {"shoppers": _counted(shoppers), "sessions": _counted(sessions)}


def _counted(did: Counter[int]) -> dict[str, int]:
    done = {name: sum(n for bits, n in did.items() if bits >> place & 1) for place, name in enumerate(DID)}
    return {"came": did.total(), **done}
