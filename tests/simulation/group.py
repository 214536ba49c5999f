"""The consumer group's coordinator: members, sessions, generations, and who gets which partition."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Final, NamedTuple

from aiokafka.errors import CommitFailedError
from faust.types import TP

from schemas.topics import TIMELINE
from streams.transport.placement import standbys_of
from tests.simulation.broker import Broker

REBALANCE_LIMIT_S: Final = 60.0
LOOK_EVERY_S: Final = 0.5
SHUFFLED: Final = 0.3


class Joined(NamedTuple):
    """What a member is told at the end of a rebalance."""

    generation: int
    partitions: frozenset[TP]
    standbys: frozenset[TP]


class Group:
    """Runs in the world, beside the broker."""

    def __init__(self, broker: Broker, rng: Random, session_s: float, standbys: int) -> None:
        self.broker, self.loop, self.replicas = broker, broker.loop, standbys
        self.generation = 0
        self.members: dict[str, float] = {}  # when their session ends
        self.committing: Callable[[Mapping[TP, int]], None] = lambda _: None
        self._rng, self._session_s = rng, session_s
        self._topics: tuple[str, ...] = ()
        self._waiting: dict[str, asyncio.Future[Joined]] = {}
        self._owners: dict[TP, str] = {}
        self._standbys: dict[str, set[int]] = {}  # the timeline partitions of which a member holds standbys
        self._until_s: float | None = None  # the end of the rebalance under way
        self._look()

    def join(self, member: str, topics: Iterable[str]) -> "asyncio.Future[Joined]":
        """A member wants partitions; the answer comes when all others have come too."""
        self._topics = tuple(sorted(topics))
        future: asyncio.Future[Joined] = asyncio.Future(loop=self.loop)
        self.members[member] = float("inf")  # who waits for the others keeps its session
        self._waiting[member] = future
        self.rebalance()
        self.loop.call_later(0.1, self._complete, context=self.loop.world)
        return future

    def rebalance(self) -> None:
        """All members must join again."""
        if self._until_s is None:
            self._until_s = self.loop.time() + REBALANCE_LIMIT_S

    def heartbeat(self, member: str, generation: int) -> bool:
        """Whether all is well; else the member must join again, where it is told False. Raises for a stranger."""
        self._check(member, generation)
        self.members[member] = self.loop.time() + self._session_s
        return self._until_s is None

    def leave(self, member: str) -> None:
        """A member that says goodbye."""
        if self.members.pop(member, None) is not None:
            self._waiting.pop(member, None)
            self.rebalance()
            self._complete()

    def commit(self, member: str, generation: int, offsets: Mapping[TP, int]) -> None:
        """Raises `CommitFailedError` where the group has gone on without the member."""
        self._check(member, generation)
        self.committing(offsets)
        self.broker.committed.update(offsets)

    def _check(self, member: str, generation: int) -> None:
        if member not in self.members or generation != self.generation:
            msg = "Commit cannot be completed since the group has already rebalanced"
            raise CommitFailedError(msg)

    def _look(self) -> None:
        """Sessions end, and so does a rebalance for which not all have come."""
        now_s = self.loop.time()
        for member in [member for member, until_s in self.members.items() if until_s < now_s]:
            self.leave(member)
        if self._until_s is not None and self._until_s < now_s:
            for member in [member for member in self.members if member not in self._waiting]:
                del self.members[member]
            self._complete()
        self.loop.call_later(LOOK_EVERY_S, self._look, context=self.loop.world)

    def _complete(self) -> None:
        if self._until_s is None or not self._waiting or self.members.keys() != self._waiting.keys():
            return
        self._until_s = None
        self.generation += 1
        self._give_out(sorted(self.members))
        self._place_standbys()
        waiting, self._waiting = self._waiting, {}
        for member, future in waiting.items():
            self.members[member] = self.loop.time() + self._session_s
            theirs = frozenset(tp for tp, owner in self._owners.items() if owner == member)
            held = frozenset(TP(TIMELINE.name, number) for number in self._standbys[member])
            if not future.done():
                future.set_result(Joined(self.generation, theirs, held))

    def _place_standbys(self) -> None:
        """As the production assignor does."""
        owners: dict[str, list[int]] = {member: [] for member in sorted(self.members)}
        for tp, member in self._owners.items():
            if tp.topic == TIMELINE.name:
                owners[member].append(tp.partition)
        self._standbys = standbys_of(owners, self._standbys, self.replicas)

    def _give_out(self, members: list[str]) -> None:
        """Each topic evenly. Mostly what somebody had, stays; sometimes everything moves."""
        keep = self._rng.random() > SHUFFLED
        for topic in self._topics:
            tps = [TP(topic, number) for number in range(self.broker.topics[topic])]
            most = -(-len(tps) // len(members))
            load = dict.fromkeys(members, 0)
            left = []
            for tp in tps:
                owner = self._owners.get(tp, "")
                if keep and load.get(owner, most) < most:
                    load[owner] += 1
                else:
                    left.append(tp)
            for tp in left:
                self._owners[tp] = owner = min(self._rng.sample(members, len(members)), key=lambda m: load[m])
                load[owner] += 1
