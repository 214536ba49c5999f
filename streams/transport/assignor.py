"""Who reads what: Faust's assignor, with our number of standbys, and members that know when they were replaced.

Faust's assignor is sticky, keeps topics of equal partitions together, prefers a standby where an owner is gone, and
gives standbys of every topic, with tables or without. Its leader decides for the whole group.
"""

from typing import Any, cast

from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from faust.assignor import PartitionAssignor
from faust.types import AppT

from streams.exit_codes import ExitCode
from streams.transport.fatal import end_process
from streams.transport.settings import options_of


class Assignor(PartitionAssignor):
    """Faust makes it, with `table_standby_replicas`, which only switches it on: the number is in our options."""

    def __init__(self, app: AppT, replicas: int = 0) -> None:
        super().__init__(app, options_of(app).standbys if replicas else 0)
        self._joined = False

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


REPLACED = (
    "another process with the same KAIROS_INSTANCE_ID has taken its place, or it was silent for longer than its session"
)
