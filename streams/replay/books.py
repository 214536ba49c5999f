"""What a share of a replay writes down: its counts, and its files where they are wanted."""

from schemas.dead_letters import DeadLetter
from streams.core.outputs import Output
from streams.replay.tally import Row, Tally
from streams.replay.timeline import Logged
from streams.replay.topic_files import TopicFiles


class Books:
    """`files` is None where nothing but counts is wanted; `keep_timeline` writes the timeline there too."""

    def __init__(self, files: TopicFiles | None, *, keep_timeline: bool = False) -> None:
        self.tally = Tally()
        self._files, self._keep = files, keep_timeline and files is not None

    def believe(self, partition: int, block: list[Logged]) -> None:
        """Records of the timeline were read or made: what has no key is no event."""
        self.tally.timeline += sum(record.key is not None for record in block)
        if self._keep and self._files is not None:
            for record in block:
                self._files.keep(partition, record)

    def refuse(self, partition: int, row: Row, letter: DeadLetter) -> None:
        """A row of the log could not be believed: it is counted, and the run goes on."""
        self.tally.refuse(row, letter)
        if self._files is not None:
            self._files.refuse(partition, row.where, letter)

    def tell(self, partition: int, outputs: list[Output]) -> None:
        """A decision was taken."""
        self.tally.told(outputs)
        if self._files is not None:
            self._files.tell(partition, outputs)


def unreadable(reason: object) -> DeadLetter:
    """Why a row of a recorded timeline is not believed."""
    return DeadLetter(stage="DECODE", failure="undecodable", reason=str(reason))
