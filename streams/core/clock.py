"""When an event happened, by the clocks of three machines: the shopper's, the collector's and the broker's."""

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from schemas.events import Event, Time
from schemas.interventions import iso
from streams.core.refusals import RefusedError, shown

EARLIEST_MS: Final = 946_684_800_000
"""The first of January 2000, UTC: what claims to be older comes from a clock that was never set."""
LATEST_MS: Final = 1 << 47
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


class CleanRules(msgspec.Struct, frozen=True, kw_only=True):
    """How far ahead of the collector (or the broker) an event may be; less is clamped, more is refused.

    `trust_append_time`: Kafka's append time is log time. False for recorded logs and simulations, whose events are
    older (or newer) than the broker's clock: then only `receivedAt` can tell that a clock runs ahead.
    """

    max_clock_ahead_ms: int = 60_000
    trust_append_time: bool = True


def event_time_ms(event: Event, append_ms: int, rules: CleanRules) -> int:
    """Event time: corrected by Segment's skew formula, and never after the record was received.

    Raises `RefusedError`: missing_field, invalid_value (no zone, out of range), clock_ahead. Only the times that are
    needed are looked at.
    """
    received, original = event.received_at, event.original_timestamp
    received_ms = None if received is None else unix_ms(received, "receivedAt")
    if original is None:
        if event.timestamp is None:
            raise no_time()
        at_ms = unix_ms(event.timestamp, "timestamp")
    else:
        at_ms = unix_ms(original, "originalTimestamp")
        if received_ms is not None and event.sent_at is not None:
            at_ms = unix_ms(received_ms - unix_ms(event.sent_at, "sentAt") + at_ms, "the time corrected for skew")
    if rules.trust_append_time:
        reference_ms = append_ms if received_ms is None or received_ms > append_ms else received_ms
    elif received_ms is not None:
        reference_ms = received_ms
    else:
        return at_ms
    return at_ms if at_ms <= reference_ms else _clamped_ms(at_ms, reference_ms, rules.max_clock_ahead_ms)


def unix_ms(time: Time, name: str) -> int:
    """A time of the event in Unix epoch milliseconds, cut off below. Raises `RefusedError`: invalid_value.

    >>> unix_ms(datetime(2020, 1, 1, tzinfo=UTC), "sentAt"), unix_ms(1_577_836_800_000, "sentAt")
    (1577836800000, 1577836800000)
    """
    if not isinstance(time, int):
        try:
            at_ms = (time - _EPOCH) // _MS
        except TypeError as error:  # a datetime without a zone cannot be subtracted, which costs nothing to find out
            raise RefusedError("invalid_value", f"{name} with a zone", shown(time.isoformat())) from error
    else:
        at_ms = time
    if EARLIEST_MS <= at_ms < LATEST_MS:
        return at_ms
    came = time.isoformat() if isinstance(time, datetime) else time
    raise RefusedError("invalid_value", f"{name} in [{iso(EARLIEST_MS)}, {iso(LATEST_MS)})", shown(came))


def no_time() -> RefusedError:
    """What is raised where an event says nothing about when it happened."""
    return RefusedError("missing_field", "originalTimestamp or timestamp", "neither")


def _clamped_ms(at_ms: int, reference_ms: int, max_ahead_ms: int) -> int:
    if at_ms - reference_ms <= max_ahead_ms:
        return max(reference_ms, EARLIEST_MS)
    raise RefusedError(
        "clock_ahead",
        f"an event at most {max_ahead_ms} ms ahead of {_shown_ms(reference_ms)}",
        f"{_shown_ms(at_ms)}, {at_ms - reference_ms} ms ahead",
    )


def _shown_ms(at_ms: int) -> str:
    return iso(at_ms) if EARLIEST_MS <= at_ms < LATEST_MS else f"{at_ms} ms"
