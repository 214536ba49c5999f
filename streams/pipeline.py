"""Events in, interventions out: the page to read first.

    timeline ──► step ──► asks ──► (the models) ──► answer ──► what to write

A `Partition` is the decision path of one timeline partition: the live agents and the replay engine both drive it and
nothing else. It is pure: who calls it reads the log, asks the models, and writes what it says. Three rules make the log
and the topics agree, whatever is killed (`DESIGN.md`, Durability):

- a shopper's record leaves only together with everything that was decided about it: `emit`;
- all other records leave with the meta record and the offset, of one moment: `commit`;
- so neither is taken while an ask is unanswered.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from inference.answers import Answer
from schemas.shopper import encode_shopper
from streams.core.asks import Ask
from streams.core.outputs import URGENT, Output
from streams.core.policy.answer import Scored, answer
from streams.core.policy.rules import PolicyRules
from streams.core.shard import Rules, Shard
from streams.core.step import Record, step
from streams.table.changelog import records


class Write(NamedTuple):
    """One transaction: records of the changelog (None deletes), records for topics, and perhaps the offset."""

    changelog: list[tuple[bytes, bytes | None]]
    outputs: list[Output]
    offset: int | None


class Partition:
    """The decision path of one timeline partition."""

    def __init__(self, shard: Shard, rules: Rules, policy: PolicyRules) -> None:
        self.shard, self.rules, self.policy = shard, rules, policy
        self.unreadable: list[tuple[Record, str]] = []  # what the log held that is no timeline record, and why not
        self._unanswered = 0
        self._outputs: list[Output] = []
        self._decided: dict[bytes, None] = {}
        self._urgent = False

    def step(self, block: Iterable[Record]) -> list[Ask]:
        """Apply records of the log, in order. Every ask that comes back must be answered, in that order."""
        made = step(self.shard, block, self.rules, self._refuse)
        self._unanswered += len(made)
        return made

    def answer(self, made: Sequence[Ask], answers: Answer, now_ms: int) -> None:
        """Decide. `answers.scores` has one entry for each ask with a request, in order."""
        scores = iter(answers.scores)
        for ask in made:
            scored = next(scores) if ask.request is not None else None
            outputs = answer(ask, Scored(answers.mode, answers.model, scored, now_ms), self.policy)
            self._outputs += outputs
            if outputs:
                self._decided[ask.key] = None
                self._urgent |= any(output.topic in URGENT for output in outputs)
        self._unanswered -= len(made)

    def tell(self, output: Output) -> None:
        """Write this too, with the next transaction: what the caller has to say about `unreadable`."""
        self._outputs.append(output)

    @property
    def urgent(self) -> bool:
        """Whether an intervention or a retraction waits to be emitted: all else can wait for the next commit."""
        return self._urgent

    def emit(self) -> Write:
        """The shoppers that were decided about, with everything that was decided. No offset."""
        self._check_answered()
        shard, decided, outputs = self.shard, self._decided, self._outputs
        self._decided, self._outputs, self._urgent = {}, [], False
        changelog: list[tuple[bytes, bytes | None]] = []
        for key in decided:
            shopper = shard.changed.pop(key, None) or shard.shoppers.get(key) or shard.forgotten[key]
            changelog.append((key, encode_shopper(shopper)))
        return Write(changelog, outputs, None)

    def commit(self) -> Write:
        """Everything that changed, what was decided, the meta record and the offset: of this moment."""
        write, shard = self.emit(), self.shard
        gone = [key for key in shard.forgotten if key not in shard.shoppers]
        changelog = write.changelog + records(shard.changed, gone, shard.meta())
        self._forget_changes()
        return Write(changelog, write.outputs, shard.offset)

    def written(self, write: Write, position: int) -> None:
        """The write is committed. `position`: all that was written to the changelog before it was told here before."""
        self.shard.shoppers.cold.write(write.changelog, position)

    def cool(self, most: int) -> None:
        """Keep at most so many shoppers in memory; not while a write is under way or an ask is unanswered."""
        self._check_answered()
        self.shard.cool(most, self._decided)

    def take(self) -> list[Output]:
        """What was decided; what changed is forgotten, unwritten: for a run that keeps no changelog."""
        outputs, self._outputs, self._decided, self._urgent = self._outputs, [], {}, False
        self._forget_changes()
        return outputs

    def _forget_changes(self) -> None:
        self.shard.changed.clear()
        self.shard.forgotten.clear()
        self.shard.gone.clear()

    def _refuse(self, record: Record, why: str) -> None:
        self.unreadable.append((record, why))

    def _check_answered(self) -> None:
        if self._unanswered:
            msg = f"expected every ask answered before a write, {self._unanswered} are not; answer them first"
            raise RuntimeError(msg)
