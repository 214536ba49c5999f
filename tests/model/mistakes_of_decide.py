"""Plausible mistakes of the decide stage: what is written together, what is said, who may write, and what is loaded."""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import structs

from inference.answers import Answer
from schemas.kinds import Kind
from schemas.shopper import META_KEY, Meta, encode_meta
from streams.core.asks import Ask
from streams.core.history import recent
from streams.core.outputs import Output
from streams.core.ticks import Source
from streams.pipeline import Partition, Write
from streams.table.changelog import Restored
from streams.table.transactions import Fenced, TransactionFailed
from streams.ticker import Append, Inputs, Ticker
from tests.model.broker import Broker, Sent
from tests.model.decide_process import DecideProcess
from tests.model.writer import Writer

Pairs = Sequence[tuple[bytes, bytes | None]]


class CommitWithoutMeta(Partition):
    """Of the meta record only the offset is kept: the watermark and the source fence are lost in a crash."""

    def commit(self) -> Write:
        write = super().commit()
        offset_only = encode_meta(Meta(offset=self.shard.offset))
        return write._replace(changelog=[*write.changelog[:-1], (META_KEY, offset_only)])


class EmitAdvancesOffset(Partition):
    """What is emitted carries the offset, though other shoppers have changed too."""

    def emit(self) -> Write:
        write = super().emit()
        meta = (META_KEY, encode_meta(self.shard.meta()))
        return Write([*write.changelog, meta], write.outputs, self.shard.offset) if write.outputs else write


class RecordBeforeIntent(Partition):
    """A commit takes the records, and what was decided about them leaves with the next transaction."""

    kept: tuple[Output, ...] = ()

    def emit(self) -> Write:
        write = super().emit()
        kept, self.kept = self.kept, ()
        return write._replace(outputs=[*kept, *write.outputs])

    def commit(self) -> Write:
        write = super().commit()
        self.kept = tuple(write.outputs)
        return write._replace(outputs=[])


class EmitInHalves(Partition):
    """A record leaves with the first of its intents."""

    kept: tuple[Output, ...] = ()

    def emit(self) -> Write:
        write = super().emit()
        outputs = [*self.kept, *write.outputs]
        half = (len(outputs) + 1) // 2
        self.kept = tuple(outputs[half:])
        return write._replace(outputs=outputs[:half])


class FactsAtAnswer(Partition):
    """A decision says what is known when it is answered, not when it was asked."""

    def answer(self, made: Sequence[Ask], answers: Answer, now_ms: int) -> None:
        super().answer([_known_now(ask) for ask in made], answers, now_ms)


class IdOfThePlace(Partition):
    """Ids are made from where the log stands when a decision is taken."""

    def answer(self, made: Sequence[Ask], answers: Answer, now_ms: int) -> None:
        super().answer([ask._replace(cause=f"{ask.cause}@{self.shard.offset}") for ask in made], answers, now_ms)


class MetaBefore(Writer):
    """The meta record is committed in a transaction of its own, before the others."""

    async def write(self, changelog: Pairs, outputs: Sequence[Output], offset: int | None) -> None:
        await super().write([pair for pair in changelog if pair[0] == META_KEY], [], None)
        await super().write([pair for pair in changelog if pair[0] != META_KEY], outputs, offset)


class _MetaAfter(Writer):
    """The meta record is committed in a transaction of its own, after the others."""

    async def write(self, changelog: Pairs, outputs: Sequence[Output], offset: int | None) -> None:
        await super().write([pair for pair in changelog if pair[0] != META_KEY], outputs, offset)
        await super().write([pair for pair in changelog if pair[0] == META_KEY], [], None)


class MetaAfter(DecideProcess):
    """So it is written; and a restart takes the offset from the group, as whoever writes so must."""

    writer_class = _MetaAfter

    async def restored(self, partition: int) -> Restored:
        found = await super().restored(partition)
        found.meta = structs.replace(found.meta, offset=self.broker.commit[partition])
        return found


class OutputsBeforeTransaction(Writer):
    """Outputs are sent first, outside of the transaction."""

    async def write(self, changelog: Pairs, outputs: Sequence[Output], offset: int | None) -> None:
        for output in outputs:
            self.check()
            self.broker.outputs.append(Sent(None, output))
            await self.process.pause()
        await super().write(changelog, [], offset)


class RetryAfterUnknown(Writer):
    """A transaction of unknown outcome is written again."""

    async def write(self, changelog: Pairs, outputs: Sequence[Output], offset: int | None) -> None:
        try:
            await super().write(changelog, outputs, offset)
        except Fenced:
            raise
        except TransactionFailed:
            self.transaction = None
            await super().write(changelog, outputs, offset)


class Unfenced(Broker):
    """Nobody fences older owners, or aborts what they left open."""

    def init_transactions(self, partition: int) -> int:
        return 0

    def is_owner(self, partition: int, epoch: int) -> bool:
        return True


class LoadBeforeInit(DecideProcess):
    """The changelog is read before older owners are fenced."""

    async def load(self, partition: int) -> tuple[Restored, Writer]:
        restored = await self.restored(partition)
        writer = self.writer_class(self, self.broker, partition)
        await writer.start()
        return restored, writer


class LoadUncommitted(DecideProcess):
    """The loader reads what was aborted, too."""

    def seen(self, _state: str) -> bool:
        return True


class _Minded:
    """Input partitions of which a ticker minds only some."""

    def __init__(self, inputs: Inputs, minded: Callable[[set[Source]], set[Source]]) -> None:
        self._inputs, self._minded = inputs, minded

    @property
    def parts(self) -> set[Source]:
        return self._minded(self._inputs.parts)

    @property
    def as_of_ms(self) -> int:
        return self._inputs.as_of_ms


class _Expecting(Ticker):
    """A ticker that minds other input partitions than those that exist."""

    def __init__(self, append: Append, inputs: Inputs, owned: Any, lateness_ms: int) -> None:
        super().__init__(append, _Minded(inputs, self.minded), owned, lateness_ms)

    def minded(self, expected: set[Source]) -> set[Source]:
        raise NotImplementedError


class NewestTick(_Expecting):
    """A TICK is as far as the fastest input partition."""

    def minded(self, expected: set[Source]) -> set[Source]:
        if any(source not in self.progress for source in expected):
            return expected
        return {max(expected, key=lambda source: self.progress[source])}


class MissingProgressIgnored(_Expecting):
    """An input partition that has not reported holds nothing back."""

    def minded(self, expected: set[Source]) -> set[Source]:
        return {source for source in expected if source in self.progress}


class NoLateness(Ticker):
    """Events may not be late at all."""

    def __init__(self, append: Append, inputs: Inputs, owned: Any, _lateness_ms: int) -> None:
        super().__init__(append, inputs, owned, 0)


def _known_now(ask: Ask) -> Ask:
    shopper, request = ask.shopper, ask.request
    converted = ask.converted or any(event.kind == Kind.ORDER_COMPLETED for event in shopper.waiting)
    if request is not None:
        request = request._replace(history=recent(shopper))
    return ask._replace(consents=shopper.consents, converted=converted, request=request)
