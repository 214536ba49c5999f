"""The writer of one timeline partition: whatever leaves decide, leaves in one of its transactions.

A transaction holds changelog records, outputs and the consumed timeline offset, and becomes visible to readers of
committed records as a whole or never. Of all writers that were ever started for a partition only the newest can write.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Final, NamedTuple, TypeVar

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import InvalidProducerEpoch, InvalidTxnState, KafkaError, ProducerFenced
from aiokafka.partitioner import murmur2

from schemas.topics import CHANGELOG, TIMELINE
from streams.exit_codes import ExitCode
from streams.transport.batches import NO_HEADERS, Out, send_batches

BATCH_BYTES: Final = 1_000_000
"""A record batch before compression. Below a broker's default limit, with room for what snappy cannot compress."""

FENCING: Final = (ProducerFenced, InvalidProducerEpoch, InvalidTxnState)
"""What a broker says to an older owner. The last one where its open transaction was just aborted for the new owner."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class Output(NamedTuple):
    """One record for a topic that others read."""

    topic: str
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]] = ()


class Owned(NamedTuple):
    """What one writer owns: a timeline partition of an application, and its part of the changelog."""

    app_id: str
    partition: int
    timeline: str = TIMELINE.name
    changelog: str = CHANGELOG.name

    @property
    def transactional_id(self) -> str:
        """Names the owner to the broker: who starts with it fences everyone who did before."""
        return f"{self.app_id}-{self.partition}"


class TransactionFailed(Exception):  # noqa: N818 (it tells what happened, as ProducerFenced does)
    """A transaction was aborted, or its outcome is unknown. End the process: the next owner finds out and goes on."""

    exit_code: ClassVar[ExitCode] = ExitCode.INTERNAL


class Fenced(TransactionFailed):
    """Another worker owns the partition now, or the broker gave this one up. End the process."""

    exit_code: ClassVar[ExitCode] = ExitCode.FENCED


class PartitionWriter:
    """Writes transactions, one at a time. Create it inside the event loop; `start` it before the changelog is read.

    `connection` is what every aiokafka client is given: `bootstrap_servers` and security. With `transactions=False`,
    for a broker that has no transactions, records are only sent: the changelog first, then the outputs. The offset is
    then not committed at all: such a broker keeps nothing across a restart, and the meta record carries it as well.
    """

    def __init__(
        self,
        connection: Mapping[str, Any],
        owned: Owned,
        *,
        transactions: bool = True,
        timeout_s: float = 20.0,
        producer: Callable[..., Any] = AIOKafkaProducer,
    ) -> None:
        """Errors: `ValueError` of aiokafka, for a connection it cannot use."""
        self.owned = owned
        self.timeout_s = timeout_s
        self._transactions = transactions
        self._open = False  # stays true after a failure: a writer that failed never writes again
        self._fenced = False
        limit_ms = int(timeout_s * 1000)
        guarantees: dict[str, Any] = (
            {"transactional_id": owned.transactional_id, "transaction_timeout_ms": limit_ms} if transactions else {}
        )
        self._producer = producer(
            acks="all",
            compression_type="snappy",
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=limit_ms,
            client_id=owned.transactional_id,
            **guarantees,
            **connection,
        )

    async def start(self) -> None:
        """Connect, fence older owners, and abort what they left open. Errors: `TransactionFailed`."""
        try:
            await self._within_limit(self._producer.start(), "start")
        except TransactionFailed:
            await self.stop()
            raise

    async def write(
        self, changelog: Sequence[tuple[bytes, bytes | None]], outputs: Sequence[Output], offset: int | None
    ) -> int:
        """One transaction; it is committed when this returns. `offset` is the next timeline offset to read.

        A changelog value of None deletes its key. What comes back is where its changelog records end at the
        earliest, by what was acknowledged, -1 where it is not known: what is committed before that is of this
        transaction or an earlier one, for older owners are fenced.
        Errors: `Fenced`, `TransactionFailed`; the writer is then spent.
        """
        if self._open:
            msg = f"expected one transaction at a time on {self.owned.transactional_id}, and none after a failed one"
            raise TransactionFailed(msg)
        if not changelog and not outputs and offset is None:
            return -1
        self._open = True
        records: list[Out] = [(key, value, NO_HEADERS) for key, value in changelog]
        run = self._commit(records, outputs, offset) if self._transactions else self._send_in_order(records, outputs)
        position = await self._within_limit(run, f"write {len(changelog)} changelog records and {len(outputs)} outputs")
        self._open = False
        return position

    async def stop(self, limit_s: float = 5.0) -> None:
        """Abort an open transaction and disconnect, within `limit_s`. What it cannot abort, the next owner does."""
        try:
            async with asyncio.timeout(limit_s):
                if self._open and self._may_abort():
                    await self._producer.abort_transaction()
                await self._producer.stop()
        except (KafkaError, TimeoutError) as error:
            log.warning("%s stopped without a goodbye: %r", self.owned.transactional_id, error)
            await self._hang_up()

    async def _commit(self, records: list[Out], outputs: Sequence[Output], offset: int | None) -> int:
        sends = [*await self._by_partition(outputs), (self.owned.changelog, self.owned.partition, records)]
        await self._producer.begin_transaction()
        position = await self._send(sends)
        if offset is not None:
            # Not while records are in flight: Kafka 4.1 then answered some batches with NOT_ENOUGH_REPLICAS, each a
            # retry of 100 ms. Probably it cannot verify a partition's transaction while the group is being added to it.
            timeline = TopicPartition(self.owned.timeline, self.owned.partition)
            await self._producer.send_offsets_to_transaction({timeline: offset}, self.owned.app_id)
        await self._producer.commit_transaction()
        return position

    async def _send_in_order(self, records: list[Out], outputs: Sequence[Output]) -> int:
        position = await self._send([(self.owned.changelog, self.owned.partition, records)])
        await self._send(await self._by_partition(outputs))
        return position

    async def _by_partition(self, outputs: Sequence[Output]) -> list[tuple[str, int, list[Out]]]:
        found: dict[tuple[str, int], list[Out]] = {}
        for topic, key, value, headers in outputs:
            partition = partition_of(key, len(await self._producer.partitions_for(topic)))
            found.setdefault((topic, partition), []).append((key, value, list(headers)))
        return [(topic, partition, records) for (topic, partition), records in found.items()]

    async def _send(self, sends: Sequence[tuple[str, int, list[Out]]]) -> int:
        """What comes back is where the records of the last send end at the earliest, -1 where it is not known."""
        # Batches are handed over without a pause until a partition has more than one, so the changelog, the longest,
        # comes last: one request then tells the broker of all partitions, and one carries the small batches.
        now_ms, acks, last = int(time.time() * 1000), list[asyncio.Future[Any]](), 0
        for topic, partition, records in sends:
            last = len(acks)
            for ack in await send_batches(self._producer, topic, partition, records, now_ms):
                ack.add_done_callback(_read_error)
                acks.append(ack)
        written = await asyncio.gather(*acks)
        begin = written[last].offset if last < len(written) else -1
        return begin + len(sends[-1][2]) if begin >= 0 else -1

    async def _within_limit(self, step: Coroutine[Any, Any, T], doing: str) -> T:
        who = self.owned.transactional_id
        try:
            async with asyncio.timeout(self.timeout_s):
                return await step
        except FENCING as error:
            self._fenced = True
            msg = f"expected to own {who}, was fenced during {doing}: another worker owns it now; this one must end"
            raise Fenced(msg) from error
        except (KafkaError, TimeoutError) as error:
            reason = f"no answer in {self.timeout_s:g} s" if isinstance(error, TimeoutError) else repr(error)
            msg = f"expected {who} to {doing}, got {reason}; its outcome is unknown: this worker must end"
            raise TransactionFailed(msg) from error

    def _may_abort(self) -> bool:
        # Neither what was fenced nor what is being committed can be aborted; only aiokafka knows which it is.
        return self._transactions and not self._fenced and self._producer._txn_manager.is_in_transaction()

    async def _hang_up(self) -> None:
        # aiokafka's own stop waits until every batch is acknowledged, and its sender tries for as long as it lives.
        if self._producer._sender.sender_task is not None:
            self._producer._sender.sender_task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._producer.client.close()


@lru_cache(maxsize=1 << 16)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition that Java's default partitioner gives a key.

    >>> partition_of(b"shopper-1", 8)
    6
    """
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


def _read_error(ack: "asyncio.Future[Any]") -> None:
    # Of several acknowledgements that fail together only the first is raised; asyncio would log the others.
    if not ack.cancelled():
        ack.exception()
