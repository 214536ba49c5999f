"""What may be tried where a number is not known beforehand: beside each model stands what of it is tunable."""

from collections.abc import Mapping

import msgspec


class Span(msgspec.Struct, frozen=True):
    """Any number from `low` to `high`. `log`: twice as much is as far everywhere."""

    low: float
    high: float
    log: bool = False


class OneOf(msgspec.Struct, frozen=True):
    """One of a few whole numbers."""

    numbers: tuple[int, ...]


Tunable = Mapping[str, Span | OneOf]
"""By the name of the setting."""
