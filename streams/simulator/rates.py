"""How much of everything there is in a simulated log, apart from what the shoppers themselves do."""

from typing import Annotated

import msgspec

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of all visitors, and of all events. Raises `ValueError` where one is no share.

    Malformed records come beside the well-formed events, not instead of them: what happened can still be read.
    """

    bots: Share = 0.004
    anonymous: Share = 0.25
    carts_with_id: Share = 0.6
    skewed_clocks: Share = 0.15
    without_consent: Share = 0.1
    denied: Share = 0.12
    revoked: Share = 0.05
    duplicates: Share = 0.01
    late: Share = 0.01
    malformed: Share = 0.01

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            share = getattr(self, name)
            if not 0 <= share <= 1:
                msg = f"rate {name!r} must be in [0, 1], got {share!r}; give a share, for example 0.01"
                raise ValueError(msg)
