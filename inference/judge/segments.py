"""Kinds of moments that a model may be better or worse at."""

import numpy as np
import numpy.typing as npt

from inference.dataset import Examples
from inference.inputs import CONTEXT, HISTORY_EVENTS

Mask = npt.NDArray[np.bool_]


def segments(examples: Examples, train: Examples) -> dict[str, dict[str, Mask]]:
    """Which examples are in which segment, by what the segments differ in. Price bands are thirds of `train`."""
    bought, events = _column(examples, "orders") > 0, _column(examples, "events")
    seen = (examples["history"]["kind"] > 0).sum(axis=1)
    return {
        "shopper": {"never bought": ~bought, "bought before": bought},
        "life": {"up to 20 events": events <= 20, "21 to 100": (events > 20) & (events <= 100), "more": events > 100},
        "history": {
            "1 to 7 events": seen < 8,
            "8 to 31": (seen >= 8) & (seen < HISTORY_EVENTS),
            f"{HISTORY_EVENTS}, full": seen == HISTORY_EVENTS,
        },
        "cart value": _bands(_column(examples, "cart_value"), _column(train, "cart_value")),
    }


def _bands(values: npt.NDArray[np.float32], known: npt.NDArray[np.float32]) -> dict[str, Mask]:
    low, high = np.quantile(known[known > 0], [1 / 3, 2 / 3]) if (known > 0).any() else (0.0, 0.0)
    return {
        "no cart or no price": values <= 0,
        f"below {low / 100:,.0f}": (values > 0) & (values < low),
        f"{low / 100:,.0f} to {high / 100:,.0f}": (values > 0) & (values >= low) & (values < high),
        f"{high / 100:,.0f} and more": (values > 0) & (values >= high),
    }


def _column(examples: Examples, name: str) -> npt.NDArray[np.float32]:
    column: npt.NDArray[np.float32] = examples["context"][:, CONTEXT.index(name)]
    return column
