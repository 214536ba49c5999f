"""A naive rescan of a REES46 file: what carts came to, by the definition and without any of Kairos' code."""

import csv
import gzip
from collections import Counter, defaultdict
from datetime import datetime
from itertools import count
from pathlib import Path

IDLE_S = 30 * 60
ORDER = {"cart": 0, "purchase": 1}


def rows(path: Path) -> tuple[list[dict[str, str]], int]:
    """The complete rows, and how many lines are not complete."""
    with gzip.open(path, "rt", newline="") as file:
        lines = list(csv.DictReader(file))
    complete = [row for row in lines if None not in row.values()]
    return complete, len(lines) - len(complete)


def episodes(complete: list[dict[str, str]]) -> Counter[str]:
    """How many cart episodes there were, and how they ended: `episodes`, `abandoned`, `bought`.

    A user has one cart. It is abandoned half an hour after the last row that put something in; a purchase at or before
    that moment's last second closes it. Where a cart and a purchase row have the same second, the cart row is first.
    """
    users, number = defaultdict(list), count()
    for row in complete:
        if row["event_type"] in ORDER:
            at_s = datetime.strptime(row["event_time"], "%Y-%m-%d %H:%M:%S UTC").timestamp()
            users[row["user_id"]].append((at_s, ORDER[row["event_type"]], next(number), row["event_type"]))
    told: Counter[str] = Counter()
    for events in users.values():
        told += _episodes_of_one(sorted(events))
    return told


def _episodes_of_one(events: list[tuple[float, int, int, str]]) -> Counter[str]:
    told: Counter[str] = Counter()
    active_s = None
    for at_s, _, _, kind in events:
        if active_s is not None and at_s >= active_s + IDLE_S:
            told["abandoned"] += 1
            active_s = None
        if kind == "cart":
            told["episodes"] += active_s is None
            active_s = at_s
        elif active_s is not None:
            told["bought"] += 1
            active_s = None
    told["abandoned"] += active_s is not None
    return told
