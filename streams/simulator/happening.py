"""What a visitor of the simulated shop does at one moment, before anybody sends it anywhere."""

from typing import Any, NamedTuple, Protocol

from schemas.kinds import Kind
from streams.simulator.truth import Sink


class Visitor(NamedTuple):
    """Who it is. `key` is the user id, or the anonymous id of one without; `identity` is Segment's field for it.

    `clock_ms` is how far the device's clock is ahead; `carts_have_ids` says whether the device sends cart_ids.
    """

    key: str
    identity: dict[str, str]
    clock_ms: int
    carts_have_ids: bool


class Happening(NamedTuple):
    """One event as it happened: its kind and Segment's properties, or for consent the context."""

    kind: Kind
    properties: dict[str, Any]


class Life(Protocol):
    """Anything that visits the shop."""

    visitor: Visitor

    def advance(self) -> int | None:
        """When the next thing happens, or None when nothing will. To be called once after each `act`."""

    def act(self, at_ms: int, message_id: str) -> Happening:
        """Do what is due at `at_ms`."""

    def is_busy(self) -> bool:
        """Whether a cart will still be open when the next thing happens."""

    def tell(self, truth: Sink | None, at_ms: int, message_id: str) -> None:
        """Tell what is true after the event just done, then forget what need not be told again."""

    def leave(self, truth: Sink | None) -> None:
        """Tell what was not told yet: nothing more will happen."""
