"""A line that is no event: it is fed all the same, as it is, so that ingest refuses it and nothing is skipped."""

from collections.abc import Iterable, Iterator
from typing import Final

from schemas.dead_letters import SOURCE_HEADER
from schemas.topics import CLICK
from streams.feed import Arrival

NO_TIME: Final = -1


def bad_line(file_name: str, number: int, line: bytes) -> Arrival:
    """The raw line on its way to the click topic. Its header says where it stands, and the dead letter will name it.

    >>> bad_line("log.csv", 7, b"oops").headers
    (('x-shop-source', b'log.csv:7'),)
    """
    return Arrival(NO_TIME, CLICK.name, None, line, ((SOURCE_HEADER, f"{file_name}:{number}".encode()),))


def source_of(arrival: Arrival) -> str | None:
    """Where a bad line stands, `file:line`; None for a good one."""
    return next((value.decode() for name, value in arrival.headers if name == SOURCE_HEADER), None)


def never_backwards(arrivals: Iterable[Arrival]) -> Iterator[Arrival]:
    """The arrivals in their order, each no earlier than the one before it.

    One without a time arrives together with the one before it; the first of a file, with the first that has a time.
    """
    now_ms, waiting = NO_TIME, list[Arrival]()
    for arrival in arrivals:
        if arrival.at_ms >= now_ms > NO_TIME and not waiting:
            now_ms = arrival.at_ms
            yield arrival
            continue
        now_ms = max(now_ms, arrival.at_ms)
        if now_ms == NO_TIME:
            waiting.append(arrival)
            continue
        for early in waiting:
            yield early._replace(at_ms=now_ms)
        waiting.clear()
        yield arrival._replace(at_ms=now_ms)
    yield from (arrival._replace(at_ms=0) for arrival in waiting)
