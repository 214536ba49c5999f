"""A subscriber of interventions, as any other team's: what it sees, and how long after the event it sees it."""

import time
from collections import Counter, deque
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

from streams.demo.percentiles import Latency, latency
from streams.feed import Arrival
from streams.feeder import Feeder

SHOWN: Final = 6
REMEMBERED: Final = 200_000


class _Trigger(msgspec.Struct):
    event_id: str


class _Target(msgspec.Struct):
    id: str


class _Contribution(msgspec.Struct):
    feature: str
    value: float


class _Decision(msgspec.Struct):
    mode: str
    scores: dict[str, float]
    reasons: list[_Contribution]


class _Content(msgspec.Struct):
    total_value: float
    currency: str


class _Record(msgspec.Struct):
    """What is looked at of an intervention or a retraction; only the latter has `retracts`."""

    name: str
    target: _Target
    trigger: _Trigger
    not_before: str = ""
    decision: _Decision | None = None
    content: _Content | None = None
    retracts: str = ""


class _Named(msgspec.Struct):
    messageId: str = ""  # noqa: N815  Segment's name


_record: Final = msgspec.json.Decoder(_Record).decode
_named: Final = msgspec.json.Decoder(_Named).decode


class Witness:
    """Hears what is on the intervention topics. `first_s` is when the first came, on the clock of `time.time`."""

    def __init__(self, feeder: Feeder, lateness_ms: int) -> None:
        self.first_s: float | None = None
        self.kinds: Counter[str] = Counter()
        self.retracted = 0
        self.latest: deque[str] = deque(maxlen=SHOWN)
        self.latencies_ms: list[float] = []
        self._feeder, self._lateness_ms = feeder, lateness_ms
        self._arrived_ms: dict[str, int] = {}

    def noting(self, arrivals: Iterator[Arrival]) -> Iterator[Arrival]:
        """The arrivals, while it is kept which event arrives when."""
        for arrival in arrivals:
            self._note(arrival)
            yield arrival

    def heard(self, _key: bytes | None, value: bytes) -> None:
        """Take in a record of an intervention topic."""
        now_s, record = time.time(), _record(value)
        self.latest.append(_line(record))
        if record.retracts:
            self.retracted += 1
            return
        self.first_s = self.first_s or now_s
        self.kinds[record.name] += 1
        sent_s = self._sent_s(record)
        if sent_s is not None:
            self.latencies_ms.append((now_s - sent_s) * 1000)

    def latency(self) -> Latency:
        """Of all interventions so far."""
        return latency(self.latencies_ms)

    def _note(self, arrival: Arrival) -> None:
        try:
            id_ = _named(arrival.value).messageId
        except (msgspec.DecodeError, UnicodeDecodeError):
            return  # a malformed one causes nothing
        self._arrived_ms.setdefault(id_, arrival.at_ms)
        if len(self._arrived_ms) > REMEMBERED:
            del self._arrived_ms[next(iter(self._arrived_ms))]

    def _sent_s(self, record: _Record) -> float | None:
        """When its cause had been sent: the event, and for a timer the log time that makes it due too."""
        arrived_ms = self._arrived_ms.get(record.trigger.event_id)
        event_s = None if arrived_ms is None else self._feeder.sent.wall_s_of(arrived_ms)
        if record.name != "cart_nudge" or event_s is None:
            return event_s
        deadline_ms = round(datetime.fromisoformat(record.not_before).timestamp() * 1000)
        due_s = self._feeder.clocks.wall_s_of(deadline_ms + self._lateness_ms)
        return None if due_s is None else max(event_s, due_s)


def _line(record: _Record) -> str:
    if record.decision is None or record.content is None:
        return f"{record.name:<12}  {record.target.id:<14}  taken back: bought after all"
    value = f"{record.content.total_value:,.2f} {record.content.currency}"
    scores = ", ".join(f"{name}={score:.2f}" for name, score in record.decision.scores.items())
    reasons = ", ".join(f"{reason.feature}={reason.value:,.0f}" for reason in record.decision.reasons[:3])
    why = "; ".join(text for text in (scores, reasons) if text)
    return f"{record.name:<12}  {record.target.id:<14}  {value:>13}  {record.decision.mode}: {why}"
