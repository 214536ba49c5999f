"""One timeline partition on its way through the log, in virtual time.

The records between two TICKs are one block, and log time during a block is that of the TICK before it: so what comes
out does not depend on how the log was cut, nor on which partitions run beside this one.
"""

from typing import Final

from schemas.timeline import Tick, decode_tick, encode_tick
from streams.core.asks import Ask
from streams.core.ticks import EVERY_MS
from streams.pipeline import Partition
from streams.replay.books import Books
from streams.replay.scorers import Scorer
from streams.replay.timeline import Logged

MOST_RECORDS: Final = 4_096
"""A block is stepped when it has so many records, though no TICK came: it is kept in memory until then."""


class Lane:
    """Steps one partition, answers what it asks, and writes what was decided into the books.

    Asks are answered in the order in which they were made, `scorer.batch` requests at a time: which requests a model
    sees together is so a function of the partition's log alone, and with it every bit of its answer.
    """

    def __init__(self, number: int, partition: Partition, scorer: Scorer, books: Books) -> None:
        self.number, self.partition = number, partition
        self._scorer, self._books = scorer, books
        self._block: list[Logged] = []
        self._now_ms = -1
        self._asked: list[tuple[Ask, int]] = []
        self._requests = 0

    def give(self, record: Logged) -> None:
        """Take the next record of the partition's log."""
        if record.key is None:
            self._tick(record)
        elif len(self._block) >= MOST_RECORDS:
            self._step()
        self._add(record)

    def end(self) -> None:
        """The log has ended, or is given up: step and answer what is in hand, and count the shoppers."""
        self._step()
        self._answer(len(self._asked))
        self._books.tally.shoppers(self.partition.shard.shoppers.values())

    def _add(self, record: Logged) -> None:
        if self._now_ms < 0:
            self._now_ms = record.at_ms
        self._books.believe(self.number, record)
        self._block.append(record)

    def _tick(self, record: Logged) -> None:
        """Log time goes on: what was read until here happened before."""
        self._step()
        self._now_ms = record.at_ms

    def _step(self) -> None:
        if not self._block:
            return
        made, self._block = self.partition.step(self._block), []
        if made:
            self._asked += [(ask, self._now_ms) for ask in made]
            self._requests += sum(ask.request is not None for ask in made)
            while self._asked and self._requests >= self._scorer.batch:
                self._answer(self._first(self._scorer.batch))
        self._take()

    def _first(self, requests: int) -> int:
        """How many asks there are up to this many requests; all, where 0 are wanted at once."""
        for place, (ask, _) in enumerate(self._asked, 1):
            requests -= ask.request is not None
            if not requests and ask.request is not None:
                return place
        return len(self._asked)

    def _answer(self, count: int) -> None:
        asked, self._asked = self._asked[:count], self._asked[count:]
        for (ask, _), (answer, now_ms) in zip(asked, self._scorer.answers(asked), strict=True):
            self.partition.answer([ask], answer, now_ms)
            self._books.tally.answered(ask, answer)
        self._requests -= sum(ask.request is not None for ask, _ in asked)
        self._take()

    def _take(self) -> None:
        """Write down what was decided, and forget what changed: nothing but a changelog needs it."""
        gone = self.partition.shard.gone
        if gone:
            self._books.tally.shoppers(gone)
        outputs = self.partition.take()
        if outputs:
            self._books.tell(self.number, outputs)


class VirtualLane(Lane):
    """A lane whose log has a TICK only where something arrived: in a silence it makes those that a timer waits for.

    A worker writes a TICK in every second, and timers fire at the first that passes them. Of these seconds only those
    are stepped in which something is due; a TICK by which nothing is due would change nothing.
    """

    def __init__(self, number: int, partition: Partition, scorer: Scorer, books: Books) -> None:
        super().__init__(number, partition, scorer, books)
        self._ticked_ms = -1
        self._waiting: Logged | None = None  # the last TICK, while nothing came after it

    def give(self, record: Logged) -> None:
        """Take the next record of the partition's log."""
        if record.key is None:
            self._pass(record)
            return
        if self._waiting is not None:
            self._add(self._waiting)
            self._waiting = None
        elif len(self._block) >= MOST_RECORDS:
            self._step()
        self._add(record)

    def end(self) -> None:
        """As of any lane."""
        if self._waiting is not None:
            self._add(self._waiting)
        super().end()

    def _pass(self, record: Logged) -> None:
        if self._block:
            self._step()
        tick, timers = decode_tick(record.value), self.partition.shard.timers
        while timers and timers[0][0] <= tick.at_ms:
            seconds = max(1, -(-(timers[0][0] - self._ticked_ms) // EVERY_MS))
            self._ticked_ms = min(tick.at_ms, self._ticked_ms + seconds * EVERY_MS)
            behind_ms = tick.at_ms - self._ticked_ms
            made = Tick(self._ticked_ms, tick.consent_ms - behind_ms)
            self._tick(record._replace(value=encode_tick(made), at_ms=record.at_ms - behind_ms))
        self._ticked_ms, self._waiting = tick.at_ms, record
        self._now_ms = record.at_ms

    def _tick(self, record: Logged) -> None:
        super()._tick(record)
        self._add(record)
        self._step()
