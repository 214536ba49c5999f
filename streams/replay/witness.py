"""What is kept of a share of a replay for those who look at it later: outcomes, how far shoppers came, a sample."""

from collections import defaultdict
from collections.abc import Sequence

from streams.core.asks import Ask
from streams.core.outputs import Output
from streams.replay.outcomes import Taken
from streams.replay.sample import Sample
from streams.replay.spool import Spool
from streams.replay.timeline import Logged
from streams.replay.visits import Visits


class Witness:
    """Sees every record of the timeline, every ask, and everything that was decided."""

    def __init__(self, spool: Spool) -> None:
        self.visits = Visits()
        self.samples = defaultdict[int, Sample](Sample)
        self._taken = Taken(spool)

    def see(self, partition: int, record: Logged) -> None:
        """A record of the timeline was read or made."""
        if record.key is not None:
            self._taken.see(record)
            self.visits.see(record)
            self.samples[partition].see(record)

    def answered(self, ask: Ask) -> None:
        """An ask was answered; what was decided is told later."""
        self._taken.answered(ask)

    def tell(self, partition: int, outputs: Sequence[Output]) -> None:
        """This was decided."""
        self._taken.tell(partition, outputs)
