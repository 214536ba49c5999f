"""One timeline partition on its way through the log, in virtual time.

Log time is that of the last TICK: its `at_ms`. So what comes out does not depend on how the log was cut into blocks,
nor on which partitions run beside this one.
"""

from typing import Final

from schemas.kinds import LAST_CLICK
from schemas.timeline import SLOT_AT, Tick, decode_tick, encode_tick
from streams.core.asks import Ask
from streams.core.ticks import EVERY_MS
from streams.pipeline import Partition
from streams.replay.books import Books, unreadable
from streams.replay.scorers import Scorer
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
        if is_tick(record):
            self._hear(record, decode_tick(record.value).consent_ms)
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
            self._now_ms = self._last_ms = record.at_ms
        self._books.believe(self.number, record)
        self._block.append(record)

    def _hear(self, tick: Logged, consent_ms: int) -> None:
        """Log time goes on. An ask tells by its `consent_ms` after which TICK it came up, while these differ."""
        self._last_ms = tick.at_ms
        if consent_ms > self._consent_ms and len(self._block) < MOST_RECORDS:
            self._told_ms[consent_ms] = tick.at_ms
        else:
            self._step()
        self._consent_ms = max(self._consent_ms, consent_ms)

    def _step(self) -> None:
        if self._block:
            made, self._block = self.partition.step(self._block), []
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


class VirtualLane(Lane):
    """A lane whose log has a TICK only where something arrived: in a silence it makes those that a timer waits for.

    A worker writes a TICK in every second, and timers fire at the first that passes them. Of these seconds only those
    are stepped in which something is due; a TICK by which nothing is due, and after which nothing came, is left out.
    """

    def __init__(self, number: int, partition: Partition, scorer: Scorer, books: Books) -> None:
        super().__init__(number, partition, scorer, books)
        self._tick: Logged | None = None  # the last one
        self._waits = False  # it does, while nothing came after it
        self._set_timers = False  # whether something in the block may have set a timer

    def give(self, record: Logged) -> None:
        """Take the next record of the partition's log."""
        if record.key is None:
            self._pass(record)
            return
        self._let_waiting()
        self._set_timers |= record.value[SLOT_AT] > LAST_CLICK
        super().give(record)

    def end(self) -> None:
        """As of any lane."""
        self._let_waiting()
        super().end()

    def _pass(self, tick: Logged) -> None:
        if self._set_timers:
            self._step()
            self._set_timers = False
        timers, self._waits = self.partition.shard.timers, True
        if timers and timers[0][0] <= tick.at_ms:
            self._fire(tick, timers)
        self._tick = tick

    def _fire(self, tick: Logged, timers: list[tuple[int, bytes]]) -> None:
        """Step the seconds up to this TICK in which something is due."""
        (at_ms, consent_ms), before_ms = decode_tick(tick.value), -1
        if self._tick is not None:
            before_ms = decode_tick(self._tick.value).at_ms
        while timers and timers[0][0] <= at_ms:
            seconds = max(1, -(-(timers[0][0] - before_ms) // EVERY_MS))
            before_ms = min(at_ms, before_ms + seconds * EVERY_MS)
            behind_ms = at_ms - before_ms
            value = encode_tick(Tick(before_ms, consent_ms - behind_ms))
            super().give(tick._replace(value=value, at_ms=tick.at_ms - behind_ms))
            self._step()
            self._waits = behind_ms > 0

    def _let_waiting(self) -> None:
        """The TICK that waits belongs to the log: something comes after it."""
        if self._waits and self._tick is not None:
            super().give(self._tick)
        self._waits = False
