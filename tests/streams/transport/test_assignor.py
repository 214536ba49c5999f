"""Standbys stand where a promotion can use them: whoever dies, who held his standbys owns his partitions."""

from math import ceil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.client.ladder import Ladder
from streams.app import build
from streams.settings import Settings
from streams.transport.placement import standbys_of

ROOT = Path(__file__).parents[3]
TOPICS = {"timeline": 8, "clicks": 8, "consent": 1}
MEMBERS = ("a", "b", "c", "d")


class Cluster:
    """What a broker says of its topics."""

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(TOPICS[topic]))


class Group:
    """Members with an assignor each; at a rebalance one of them decides for all who are there."""

    def __init__(self, standbys: int) -> None:
        self.standbys, self.members = standbys, dict[str, Any]()

    def rebalance(self, *members: str) -> None:
        settings = Settings(policy=str(ROOT / "deploy/policy.toml"), standbys=self.standbys)
        kept = {name: self.members[name] for name in members if name in self.members}
        self.members = {name: build(settings, Ladder([])).app.assignor for name in members} | kept
        told = {name: assignor.metadata(set(TOPICS)) for name, assignor in self.members.items()}
        for name, share in self.members[members[0]].assign(Cluster(), told).items():
            self.members[name].on_assignment(share)

    def owners(self, topic: str) -> dict[int, str]:
        return {
            tp.partition: name
            for name, member in self.members.items()
            for tp in member.assigned_actives()
            if tp.topic == topic
        }

    def holders(self, topic: str) -> dict[int, set[str]]:
        found: dict[int, set[str]] = {number: set() for number in range(TOPICS[topic])}
        for name, member in self.members.items():
            for tp in member.assigned_standbys():
                if tp.topic == topic:
                    found[tp.partition].add(name)
        return found


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("victim", MEMBERS)
async def test_whoever_dies_his_partitions_go_to_those_who_held_their_standbys(count: int, victim: str) -> None:
    group = Group(standbys=1)
    for joined in range(1, count + 1):
        group.rebalance(*MEMBERS[:joined])
    if victim not in group.members:
        return
    owners, holders = group.owners("timeline"), group.holders("timeline")

    group.rebalance(*(name for name in MEMBERS[:count] if name != victim))

    orphans = {number for number, owner in owners.items() if owner == victim}
    assert orphans
    assert all(group.owners("timeline")[number] in holders[number] for number in orphans)
    assert all(group.owners("timeline")[number] == owners[number] for number in owners.keys() - orphans)


@pytest.mark.parametrize("standbys", [0, 1, 2])
async def test_each_partition_has_its_standbys_and_never_with_its_owner(standbys: int) -> None:
    group = Group(standbys)
    group.rebalance("a", "b", "c")

    for topic in TOPICS:
        assert {len(holders) for holders in group.holders(topic).values()} == {standbys}
        assert all(owner not in group.holders(topic)[number] for number, owner in group.owners(topic).items())
    assert group.holders("timeline") == group.holders("clicks")


async def test_a_rebalance_without_a_change_moves_no_standby() -> None:
    group = Group(standbys=1)
    for joined in (1, 2, 3):
        group.rebalance(*MEMBERS[:joined])
    before = group.owners("timeline"), group.holders("timeline")

    for _ in range(3):
        group.rebalance("a", "b", "c")

    assert (group.owners("timeline"), group.holders("timeline")) == before


OWNERS = st.tuples(st.integers(2, 6), st.integers(1, 64), st.randoms(use_true_random=False))
HELD = st.dictionaries(st.sampled_from("012345gone"), st.sets(st.integers(0, 80)))


@given(OWNERS, HELD)
def test_nobody_holds_more_of_one_owner_than_it_could_own_when_that_one_dies(drawn, held):
    members, partitions, random = drawn
    numbers = random.sample(range(partitions), partitions)
    owners = {str(member): numbers[member::members] for member in range(members)}

    found = standbys_of(owners, held, 1)

    assert sorted(number for held_now in found.values() for number in held_now) == list(range(partitions))
    for owner, owned in owners.items():
        for member, held_now in found.items():
            theirs = held_now & set(owned)
            assert member != owner or not theirs
            assert len(theirs) + len(owners[member]) <= ceil(partitions / (members - 1)) or not theirs
    assert standbys_of(owners, found, 1) == found
