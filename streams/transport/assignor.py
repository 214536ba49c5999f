"""Who reads what: Faust's assignor, with standbys where they are of use, and members that know they were replaced.

Faust's assignor is sticky, keeps topics of equal partitions together, prefers a standby where an owner is gone, and
gives standbys of every topic, with tables or without. But it often puts all standbys of one owner on one member, which
cannot own them all: see `placement.py`. The group's leader decides for all.
"""

from collections.abc import Mapping
from typing import Any, cast

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from faust.assignor import PartitionAssignor
from faust.assignor.partition_assignor import (
    ClientAssignmentMapping,
    MemberAssignmentMapping,
    MemberMetadataMapping,
)
from faust.types import AppT

from streams.exit_codes import ExitCode
from streams.transport.fatal import end_process
from streams.transport.placement import standbys_of
from streams.transport.settings import options_of


class Assignor(PartitionAssignor):
    """Faust makes it, with `table_standby_replicas`, which only switches it on: the number is in our options."""

    def __init__(self, app: AppT, replicas: int = 0) -> None:
        super().__init__(app, options_of(app).standbys if replicas else 0)
        self._joined = False
        self._held: dict[str, Mapping[str, list[int]]] = {}

    def on_assignment(self, assignment: ConsumerProtocolMemberMetadata) -> None:
        """The group has given this member its share; in the consumer's thread."""
        super().on_assignment(assignment)
        self._joined = True

    def metadata(self, topics: set[str]) -> ConsumerProtocolMemberMetadata:
        """What this member says of itself; asked before each attempt to join, in the consumer's thread.

        A static member that was forgotten ends here: aiokafka would join again under the same name, and throw out the
        process that has taken its place, which would then do the same.
        """
        consumer, name = cast(Any, self.app.consumer), self.app.conf.consumer_group_instance_id
        if name and self._joined and consumer.forgotten:
            reason = f"expected to be {name} of the group {self.app.conf.id}, which knows this process no more"
            end_process(ExitCode.FENCED, f"{reason}: {REPLACED}")
        return super().metadata(topics)

    def _perform_assignment(
        self, cluster: ClusterMetadata, member_metadata: MemberMetadataMapping
    ) -> MemberAssignmentMapping:
        self._held = {
            member: self._get_client_metadata(told).assignment.standbys for member, told in member_metadata.items()
        }
        return super()._perform_assignment(cluster, member_metadata)

    def _protocol_assignments(
        self, assignments: ClientAssignmentMapping, *distributions: Any
    ) -> MemberAssignmentMapping:
        """Faust has given out what is read, to holders of standbys first; where the new standbys are is ours to say."""
        for topic in {topic for share in assignments.values() for topic in share.actives}:
            owners = {member: share.actives[topic] for member, share in assignments.items() if topic in share.actives}
            held = {member: self._held[member].get(topic, []) for member in owners}
            for member, numbers in standbys_of(owners, held, self.replicas).items():
                assignments[member].standbys[topic] = sorted(numbers)
        return super()._protocol_assignments(assignments, *distributions)


REPLACED = (
    "another process with the same KAIROS_INSTANCE_ID has taken its place, or it was silent for longer than its session"
)
