"""Hillstrom's e-mail experiment: 64,000 customers, an e-mail about men's things, one about women's, or none, by chance.

MineThatData E-Mail Analytics And Data Mining Challenge (2008). A CSV file with a row for each customer.
"""

import csv
import gzip
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from streams.replay.offpolicy.feedback import Floats, Ints
from streams.replay.offpolicy.outcome_model import expectations
from streams.replay.offpolicy.uplift import Experiment

ARMS: Final = ("No E-Mail", "Mens E-Mail", "Womens E-Mail")
_NUMBERS: Final = ("recency", "history", "mens", "womens", "newbie")
_WORDS: Final = (("zip_code", "Urban"), ("zip_code", "Rural"), ("channel", "Web"), ("channel", "Phone"))


class Customers(NamedTuple):
    """n customers: what is known of them, shape (n, d); their arm, a place in ARMS; and whether they then visited."""

    known: Floats
    arm: Ints
    visited: Floats


def customers(path: Path) -> Customers:
    """Read the file, packed with gzip or not. Raises `ValueError` in one line where it is another one."""
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
            rows = list(csv.DictReader(file))
        known = [_known(row) for row in rows]
        arm = [ARMS.index(row["segment"]) for row in rows]
        visited = [float(row["visit"]) for row in rows]
    except (KeyError, ValueError, gzip.BadGzipFile) as error:
        raise ValueError(f"expected Hillstrom's experiment in {path}, got {error!r}; see its first line") from None
    return Customers(np.array(known), np.array(arm), np.array(visited))


def _known(row: dict[str, str]) -> list[float]:
    return [float(row[name]) for name in _NUMBERS] + [float(row[name] == word) for name, word in _WORDS]


def of_arm(found: Customers, name: str) -> Experiment:
    """One e-mail against none, ranked by what it is expected to add to the visits, fitted on other customers."""
    here = np.isin(found.arm, (0, ARMS.index(name)))
    given = (found.arm[here] > 0).astype(np.int64)
    model = expectations(found.known[here], given, found.visited[here], np.arange(int(here.sum())), acts=2)
    return Experiment(found.visited[here], given, model[:, 1] - model[:, 0])
