"""`streams/table/transactions.py` against the broker of the model: the same contract, and every await of it."""

from collections.abc import Iterator, Sequence
from random import Random

from streams.table.transactions import Output, TransactionFailed
from tests.model.broker import Broker, Change, Sent, Transaction
from tests.model.process import Process

FAIL, UNKNOWN = 0.04, 0.08


class Writer:
    """One transaction at a time for one timeline partition; it is spent after the first that fails."""

    def __init__(self, process: Process, broker: Broker, partition: int) -> None:
        self.process, self.broker, self.partition = process, broker, partition
        self.rng: Random = process.rng
        self.epoch = -1
        self.transaction: Transaction | None = None

    async def start(self) -> None:
        """Fence older owners, and abort what they left open."""
        await self.process.pause()
        self.epoch = self.broker.init_transactions(self.partition)
        await self.process.pause()

    async def write(
        self, changelog: Sequence[tuple[bytes, bytes | None]], outputs: Sequence[Output], offset: int | None
    ) -> None:
        """One transaction. Raises `Fenced` and `TransactionFailed`."""
        if self.transaction is not None:
            msg = "expected one transaction at a time, and none after a failed one"
            raise TransactionFailed(msg)
        if not changelog and not outputs and offset is None:
            return
        self.check()
        self.transaction = transaction = self.broker.begin(self.partition)
        for _ in self.sends(transaction, changelog, outputs):
            if self.rng.random() < 0.3:
                await self.process.pause()
                self.check()
        await self.process.pause()
        self.check()
        await self.commit(transaction, offset)
        self.transaction = None

    def sends(
        self, transaction: Transaction, changelog: Sequence[tuple[bytes, bytes | None]], outputs: Sequence[Output]
    ) -> Iterator[None]:
        """Topics are written to at the same time: what lands first is chance."""
        log = self.broker.changelog[self.partition]
        changes = [Change(transaction, *pair) for pair in changelog]
        sents = [Sent(transaction, output) for output in outputs]
        while changes or sents:
            if self.rng.random() * (len(changes) + len(sents)) < len(changes):
                log.append(changes.pop(0))
            else:
                self.broker.outputs.append(sents.pop(0))
            yield

    async def commit(self, transaction: Transaction, offset: int | None) -> None:
        """The coordinator commits, or aborts, and its answer comes, or does not."""
        fate = self.rng.random() if self.broker.faults else 1
        if fate < FAIL:
            msg = "the coordinator aborted the transaction"
            raise TransactionFailed(msg)
        transaction.state = "committed"
        if offset is not None:
            self.broker.commit[self.partition] = offset
        if fate < UNKNOWN:
            msg = "no answer from the coordinator: committed, but who knows"
            raise TransactionFailed(msg)
        await self.process.pause()

    async def stop(self) -> None:
        """Abort what is open, if it is still ours."""
        await self.process.pause()
        transaction = self.transaction
        if transaction is not None and transaction.state == "open" and self.broker.is_owner(self.partition, self.epoch):
            transaction.state = "aborted"

    def check(self) -> None:
        """Raises `Fenced` where a newer owner has started."""
        self.broker.check_epoch(self.partition, self.epoch)
