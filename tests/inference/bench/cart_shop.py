"""A made-up shop's carts, in the layout of the real ones, where some visitors buy more often than others."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from inference.bench.carts.table import FILE, MEASURED, Carts

KS = (0, 1, 2)


def carts(visitors: int, seed: int) -> Carts:
    """Carts of a few sessions each, all of them with a snapshot at every k.

    Whether one is bought depends on the views before it, and on how often the visitor has been there.
    """
    rng = np.random.default_rng(seed)
    columns = []
    for visitor in range(visitors):
        for session in range(1, 1 + int(rng.integers(1, 5))):
            views = int(rng.poisson(3))
            bought = bool(rng.random() < 1 / (1 + np.exp(2.5 - 0.5 * session - 0.2 * views)))
            columns += [(f"{visitor}_{session}", visitor, k, _measured(views, k, rng), bought) for k in KS]
    key, who, k, measured, bought = zip(*columns, strict=True)
    return Carts(np.array(key), np.array(who), np.array(k), np.array(measured), np.array(bought))


def write(folder: Path, table: Carts, *, without: str = "") -> Path:
    """The carts as the benchmark reads them, less one column."""
    arrays = dict(zip(MEASURED, table.measured.T, strict=True)) | {
        "session_key": table.session_key,
        "visitorid": table.visitor,
        "cutoff_k": table.k,
        "y": table.bought.astype(np.int64),
    }
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table({name: array for name, array in arrays.items() if name != without}), folder / FILE)
    return folder


def _measured(views: int, k: int, rng: np.random.Generator) -> list[float]:
    seconds = float(rng.exponential(100))
    known = dict.fromkeys(MEASURED, 0.0) | {"view_count": views + k, "seconds_since_first_event": seconds * (k + 1)}
    known |= {
        "hour_of_day": float(rng.integers(24)),
        "seconds_since_previous_event": np.nan if views + k == 0 else seconds,
    }
    return [known[name] for name in MEASURED]
