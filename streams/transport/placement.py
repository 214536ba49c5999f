"""Which members hold the standbys of a topic: so that the death of any one of them can be met by promotions alone."""

from collections import Counter
from collections.abc import Iterable, Mapping
from math import ceil


def standbys_of(
    owners: Mapping[str, Iterable[int]], held: Mapping[str, Iterable[int]], replicas: int
) -> dict[str, set[int]]:
    """The standbys of each member, given the partitions that each owns, and the standbys that each has held so far.

    When a member dies its partitions may go to those who hold their standbys only as long as nobody owns more than an
    equal share of all. So of one owner's partitions a member holds as many as it could then own, no more; else those
    above that would be read anew by others. What is held already stays where it may; the rest goes where least is held.

    >>> standbys_of({"a": [0, 1], "b": [2, 3], "c": [4]}, {}, 1)
    {'a': {2, 4}, 'b': {0}, 'c': {1, 3}}
    """
    places = _Places(owners)
    lacking = dict.fromkeys(places.owner_of, min(replicas, len(owners) - 1))
    for member in sorted(held.keys() & owners.keys()):
        for number in sorted(lacking.keys() & set(held[member])):
            if lacking[number] and places.owner_of[number] != member and not places.crowded(number, member):
                places.give(number, member)
                lacking[number] -= 1
    for number in sorted(lacking):
        for _ in range(lacking[number]):
            places.give(number, places.best(number))
    return places.found


class _Places:
    """Who holds what so far, and how much of each owner."""

    def __init__(self, owners: Mapping[str, Iterable[int]]) -> None:
        self.owner_of = {number: member for member, numbers in owners.items() for number in numbers}
        self.found: dict[str, set[int]] = {member: set() for member in owners}
        share = ceil(len(self.owner_of) / max(1, len(owners) - 1))
        self._room = {member: share - len(set(numbers)) for member, numbers in owners.items()}
        self._held_of: Counter[tuple[str, str]] = Counter()

    def give(self, number: int, member: str) -> None:
        """The member holds a standby of this partition."""
        self._held_of[self.owner_of[number], member] += 1
        self.found[member].add(number)

    def crowded(self, number: int, member: str) -> bool:
        """Whether the member could not own this one too, if its owner died."""
        return self._held_of[self.owner_of[number], member] >= self._room[member]

    def best(self, number: int) -> str:
        """Who should hold the next standby of this partition."""
        others = [
            name for name in sorted(self.found) if name != self.owner_of[number] and number not in self.found[name]
        ]
        return min(others, key=lambda name: (self.crowded(number, name), len(self.found[name])))
