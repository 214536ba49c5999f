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
    owner_of = {number: member for member, numbers in owners.items() for number in numbers}
    replicas, found = min(replicas, len(owners) - 1), {member: set[int]() for member in owners}
    if not replicas:
        return found
    share = ceil(len(owner_of) / (len(owners) - 1))
    room = {member: share - len(set(numbers)) for member, numbers in owners.items()}
    promised: Counter[tuple[str, str]] = Counter()

    def give(number: int, member: str) -> None:
        promised[owner_of[number], member] += 1
        found[member].add(number)

    def crowded(number: int, member: str) -> bool:
        return promised[owner_of[number], member] >= room[member]

    lacking = dict.fromkeys(owner_of, replicas)
    for member in sorted(held.keys() & owners.keys()):
        for number in sorted(set(held[member]) & owner_of.keys()):
            if owner_of[number] != member and lacking[number] and not crowded(number, member):
                give(number, member)
                lacking[number] -= 1
    for number in sorted(lacking):
        for _ in range(lacking[number]):
            others = [member for member in sorted(owners) if member != owner_of[number] and number not in found[member]]
            give(number, min(others, key=lambda member: (crowded(number, member), len(found[member]))))
    return found
