"""What a run came to, in numbers that must add up: the same for the demo and for a replay."""

from collections.abc import Mapping

import msgspec


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """Distinct source coordinates: of the input topics, in the timeline, in the dead-letter topics.

    `duplicates`: events of the timeline that the shop had sent before.
    """

    read: int
    timeline: int
    dead_letters: int
    duplicates: int

    def __str__(self) -> str:
        return (
            f"{self.read:,} records read = {self.timeline:,} in the timeline ({self.duplicates:,} of them repeats) "
            f"+ {self.dead_letters:,} dead letters"
        )


class Carts(msgspec.Struct, frozen=True, kw_only=True):
    """What the last shopper records say: cart events, and how episodes ended."""

    events: int
    episodes: int
    abandoned: int
    bought: int
    emptied: int
    merged: int

    @classmethod
    def of(cls, added: Mapping[str, int]) -> "Carts":
        """From the sums of `ADDED` over all shoppers."""
        names = ("episodes", "abandoned", "bought", "emptied", "merged")
        return cls(events=added["cart_events"], **{name: added[name] for name in names})

    @property
    def ended(self) -> int:
        """How many episodes have come to an end."""
        return self.abandoned + self.bought + self.emptied + self.merged

    def __str__(self) -> str:
        return (
            f"{self.episodes:,} episodes of {self.events:,} cart events = {self.abandoned:,} abandoned "
            f"+ {self.bought:,} bought + {self.emptied:,} emptied + {self.merged:,} merged"
        )


ADDED = ("duplicates", "cart_events", "episodes", "abandoned", "bought", "emptied", "merged", "orders")
"""The fields of a shopper that are added up."""


def counted(counts: Mapping[str, int]) -> str:
    """Counts by name, in words.

    >>> counted({"cart_nudge": 1_200, "cart_at_risk": 0}), counted({})
    ('cart_nudge 1,200, cart_at_risk 0', 'none')
    """
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"
