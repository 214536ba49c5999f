"""What may be tried where a number is not known beforehand: beside each model stands what of it is tunable."""

from collections.abc import Mapping
from typing import Annotated

import msgspec

Width = Annotated[int, msgspec.Meta(ge=1, le=4096)]
"""How much of something a model has."""
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


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
