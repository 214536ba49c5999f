"""Which timeline partitions a process replays: every so-maniest of them."""

from typing import NamedTuple


class Share(NamedTuple):
    """The `nth` of `of` equal shares. A partition is in exactly one, whatever is known of the others.

    >>> [Share(1, 3).has(partition) for partition in range(4)]
    [False, True, False, False]
    """

    nth: int
    of: int

    def has(self, partition: int) -> bool:
        """Whether this share has a partition."""
        return partition % self.of == self.nth


WHOLE = Share(0, 1)
