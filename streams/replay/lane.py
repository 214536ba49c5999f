"""One timeline partition on its way through the log, in virtual time.

Log time is that of the last TICK: its `at_ms`. So what comes out does not depend on how the log was cut into blocks,
nor on which partitions run beside this one.
"""

from typing import Final

from schemas.timeline import decode_tick
from streams.core.asks import Ask
from streams.pipeline import Partition
from streams.replay.books import Books, unreadable
from streams.replay.scorers import Scorer
from streams.replay.shelf import everybody
from streams.replay.tally import Row
from streams.replay.timeline import Logged
from streams.replay.timeline_lines import is_tick

MOST_RECORDS: Final = 1_024
"""A block is stepped when it has so many records."""


class Lane:
    """Steps one partition, answers what it asks, and writes what was decided into the books.

    Asks are answered in the order in which they were made, `scorer.batch` requests at a time: which requests a model
    sees together is so a function of the partition's log alone, and with it every bit of its answer.
    """

    def __init__(self, number: int, partition: Partition, scorer: Scorer, books: Books) -> None:
        self.number, self.partition = number, partition
        self._scorer, self._books = scorer, books
        self._block: list[Logged] = []
        self._now_ms = self._last_ms = -1  # log time at the beginning of the block, and at its end
        self._consent_ms = -1
        self._told_ms: dict[int, int] = {}  # of the block's TICKs: log time by `consent_ms`, which an ask carries
        self._asked: list[tuple[Ask, int]] = []
        self._requests = 0

    def give(self, record: Logged) -> None:
        """Take the next record of the partition's log."""
        if record.key is None and is_tick(record):
            self._hear(record, decode_tick(record.value).consent_ms)
        else:
            self._add(record)

    def end(self) -> None:
        """The log has ended, or is given up: step and answer what is in hand, and count the shoppers."""
        self._step()
        self._answer(len(self._asked))
        self._books.tally.shoppers(everybody(self.partition.shard.shoppers))

    def cool(self, most: int) -> None:
        """Keep at most so many shoppers in memory, beside those who have something open or are asked about."""
        shard = self.partition.shard
        if len(shard.shoppers.hot) > most:
            shard.cool(most, {ask.key for ask, _ in self._asked})

    def _add(self, record: Logged) -> None:
        if len(self._block) >= MOST_RECORDS:
            self._step()
        if self._now_ms < 0:
            self._now_ms = self._last_ms = record.at_ms
        self._block.append(record)

    def _hear(self, tick: Logged, consent_ms: int) -> None:
        """Log time goes on. An ask tells by its `consent_ms` after which TICK it came up, while these differ."""
        self._last_ms = tick.at_ms
        if consent_ms > self._consent_ms and len(self._block) < MOST_RECORDS:
            self._told_ms[consent_ms] = tick.at_ms
        else:
            self._step()
        self._consent_ms = max(self._consent_ms, consent_ms)
        self._add(tick)

    def _step(self) -> None:
        if self._block:
            block, self._block = self._block, []
            self._books.believe(self.number, block)
            made = self.partition.step(block)
            if self.partition.unreadable:
                self._refuse()
            if made:
                self._ask(made)
            self._take()
        self._now_ms = self._last_ms
        self._told_ms.clear()

    def _refuse(self) -> None:
        """What a step could not read is in the books as a record of the log: it is none."""
        for record, why in self.partition.unreadable:
            self._books.tally.timeline -= record.key is not None
            row = Row((self.number, record.offset), f"timeline partition {self.number}, offset {record.offset}")
            self._books.refuse(self.number, row, unreadable(f"expected a timeline record, got {why}"))
        self.partition.unreadable.clear()

    def _ask(self, made: list[Ask]) -> None:
        """Answer as many as may be answered at once."""
        self._asked += [(ask, self._told_ms.get(ask.consent_ms, self._now_ms)) for ask in made]
        self._requests += sum(ask.request is not None for ask in made)
        while self._asked and self._requests >= self._scorer.batch:
            self._answer(self._first(self._scorer.batch))

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
            self._books.answer(ask, answer)
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
