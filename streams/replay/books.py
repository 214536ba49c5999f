"""What a share of a replay writes down: its counts, and its files where they are wanted."""

from inference.answers import Answer
from schemas.dead_letters import DeadLetter
from streams.core.asks import Ask
from streams.core.outputs import Output
from streams.replay.tally import Row, Tally
from streams.replay.timeline import Logged
from streams.replay.topic_files import SAMPLE, TopicFiles
from streams.replay.witness import Witness


class Books:
    """`files` is None where nothing but counts is wanted; `keep_timeline` writes the timeline there too.

    `witness` keeps what is told of the run afterwards; it needs the files.
    """

    def __init__(
        self, files: TopicFiles | None, witness: Witness | None = None, *, keep_timeline: bool = False
    ) -> None:
        self.tally = Tally()
        self._files, self._keep = files, keep_timeline and files is not None
        self._witness = witness

    def believe(self, partition: int, block: list[Logged]) -> None:
        """Records of the timeline were read or made: what has no key is no event."""
        ours = [record.at_ms for record in block if record.key is not None]
        self.tally.timeline += len(ours)
        if ours:
            self.tally.begin_ms = min(self.tally.begin_ms, *ours)
            self.tally.end_ms = max(self.tally.end_ms, *ours)
        if self._keep and self._files is not None:
            for record in block:
                self._files.keep(partition, record)
        if self._witness is not None:
            for record in block:
                self._witness.see(partition, record)

    def answer(self, ask: Ask, answer: Answer) -> None:
        """An ask was answered; what was decided is told later."""
        self.tally.answered(ask, answer)
        if self._witness is not None:
            self._witness.answered(ask)

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
        if self._witness is not None:
            self._witness.tell(partition, outputs)

    def close(self) -> None:
        """The log has ended, or is given up: count how far shoppers came, and write the sample of them."""
        if self._witness is None or self._files is None:
            return
        self.tally.funnel = self._witness.visits.counts()
        for partition, sample in self._witness.samples.items():
            for shopper in sample.shoppers():
                self._files.append(SAMPLE, partition, shopper)


def unreadable(reason: object) -> DeadLetter:
    """Why a row of a recorded timeline is not believed."""
    return DeadLetter(stage="DECODE", failure="undecodable", reason=str(reason))
