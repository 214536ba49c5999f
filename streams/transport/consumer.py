"""The consumer: blocks to the agents, offsets to the group when they are durable."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, Final

from aiokafka.errors import IllegalStateError
from faust.exceptions import ImproperlyConfigured
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ChannelT
from faust.types.transports import TPorTopicSet
from mode.types import ServiceT

from streams.exit_codes import ExitCode
from streams.transport.batches import Fetched
from streams.transport.blocks import Limits, Reading
from streams.transport.fatal import end_if_failed, end_process, end_with
from streams.transport.settings import options_of
from streams.transport.thread import ConsumerThread

DRAIN_LIMIT_S: Final = 5.0
_COMMIT_LIMIT_S: Final = 5.0
_SEEK_LIMIT_S: Final = 50.0
_COMMITS_STUCK_S: Final = 50.0
_COMMITS_FAILED: Final = 10  # in a row, too: a process that was paused has time to see why
_FEW: Final = 500  # records; a smaller fetch is followed by a pause


class Consumer(driver.Consumer):
    """Delivers blocks to the agents and commits what the application declared durable.

    All methods are for the loop of the application; what must happen in the consumer's thread is sent there.
    """

    _thread: ConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.options = options_of(self.app)
        self.committed_elsewhere: set[str] = set(self.options.committed_elsewhere)
        self.readings: dict[TP, Reading] = {}
        self._limits = Limits(self.options.max_queued_records, self.options.max_queued_bytes)
        self._channels: dict[str, ChannelT[Any]] = {}
        self._committing = asyncio.Lock()
        self._failures, self._taken_s = 0, 0.0

    async def open_partition(self, tp: TP, offset: int, generation: int | None = None) -> bool:
        """Read a gated partition from `offset` on; blocks of an earlier opening become stale.

        False, and nothing is read, where the partition is no longer ours, or `generation` is given and has passed.
        """
        if tp not in self.assignment() or generation not in (None, self.app.consumer_generation_id):
            return False
        self.close_partition(tp)
        reading = self._reading(tp, offset)
        try:
            await self._thread.move(tp, offset, _SEEK_LIMIT_S)
        except IllegalStateError:
            return False  # it was given to another worker meanwhile
        if reading.generation == self.app.consumer_generation_id and tp in self.assignment():
            self.readings[tp] = reading
            self._thread.wake()
        return tp in self.readings

    def close_partition(self, tp: TP) -> None:
        """Read a partition no further; its blocks become stale."""
        if reading := self.readings.pop(tp, None):
            reading.close()

    async def end_offsets_of(self, tps: Iterable[TP], timeout_s: float) -> dict[TP, int]:
        """The ends of partitions, ours or not, as the broker tells them now; `TimeoutError` after `timeout_s`.

        What an open transaction holds back is counted: it may still be read, and be older than what is read now.
        """
        return await self._thread.ends(tps, timeout_s)

    def position_of(self, tp: TP) -> int | None:
        """The offset that is fetched next; what is before it may still be on its way to the agent."""
        return self._thread.position_now(tp)

    def end_of(self, tp: TP) -> int | None:
        """The end of a partition of ours as the last fetch told it, None before one; of any thread, costs nothing."""
        return self._thread.end_now(tp)

    def durable_offset_of(self, tp: TP) -> int | None:
        """All records before it are durable; None where the partition is not being read."""
        reading = self.readings.get(tp)
        return reading.prefix.end if reading is not None else None

    @property
    def forgotten(self) -> bool:
        """Whether the group does not know this process as its member (any more); for the consumer's thread."""
        return self._thread.forgotten

    async def commit(self, topics: TPorTopicSet | None = None, start_new_transaction: bool = True) -> bool:
        """Commit what became durable since the last commit; False where there is nothing, or it could not be done.

        An offset that is not committed now is committed with a later one, or read again: both are safe.
        """
        async with self._committing:
            offsets = self._durable_offsets()
            if not offsets or not await self._commit(offsets):
                self._count_failure(failed=bool(offsets))
                return False
            self._count_failure(failed=False)
            for tp, offset in offsets.items():
                if reading := self.readings.get(tp):
                    reading.committed = offset
            self.app.monitor.on_tp_commit(offsets)
            return True

    async def on_start(self) -> None:
        """Refuse what would not work, then start."""
        if self.app.tables or self.app.conf.stream_wait_empty or self.in_transaction:
            msg = "expected the settings of faust_settings() and no Faust table; the blocks transport cannot serve them"
            end_process(ExitCode.BAD_CONFIGURATION, msg)
        self.app.on_before_shutdown.connect(self._let_go_of_all)
        await super().on_start()

    async def perform_seek(self) -> None:
        """Begin to read the partitions that are not gated; Faust calls it at the end of a rebalance.

        Faust gives up for good when this takes too long, and keeps its partitions; here the process ends instead.
        """
        generation, ours = self.app.consumer_generation_id, self.assignment()
        wanted = [tp for tp in ours if tp.topic not in self.options.gated]
        try:
            starts = await self._thread.positions(wanted, _SEEK_LIMIT_S)
        except TimeoutError:
            end_process(
                ExitCode.UNAVAILABLE, f"no offsets from the broker within {_SEEK_LIMIT_S:.0f} s; is it overloaded?"
            )
        if generation == self.app.consumer_generation_id:
            for tp in [tp for tp, reading in self.readings.items() if reading.generation != generation]:
                self.close_partition(tp)  # opened while it was being revoked
            self.readings |= {tp: self._reading(tp, start) for tp, start in starts.items()}

    def resume_flow(self) -> None:
        """Deliver again, after a rebalance."""
        self._channels = self._channel_by_topic()
        super().resume_flow()
        self._thread.wake()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Stop delivering, let the application finish within its limit, commit what is durable, forget the rest."""
        await super().on_partitions_revoked(revoked)
        await self._let_go(frozenset(revoked))

    async def verify_all_partitions_active(self) -> None:
        """Nothing: Faust's livelock detector counts acknowledgements, which blocks do not have."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def _reading(self, tp: TP, start: int) -> Reading:
        return Reading(tp, start, self.app.consumer_generation_id, self._limits, self._thread.wake)

    def _wanted(self) -> Mapping[Any, Reading]:
        """What may be fetched now; asked in the consumer's thread."""
        if not self.flow_active:
            return {}
        return {tp: reading for tp, reading in list(self.readings.items()) if reading.has_room and not reading.closed}

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        task = asyncio.create_task(self._deliver_on(fetcher), name="delivering blocks")
        task.add_done_callback(end_if_failed)
        try:
            await task
        except asyncio.CancelledError:
            if not fetcher.should_stop:
                raise  # else Faust would take the end of the process for a crash while it rebalances
        finally:
            task.cancel()

    async def _deliver_on(self, fetcher: ServiceT) -> None:
        pace_s, max_records = self.options.pace_ms / 1000, self.app.conf.broker_max_poll_records or 16_000
        while not (self.should_stop or fetcher.should_stop):
            try:
                found = await self._thread.fetch(self._wanted, max_records)
            except self.consumer_stopped_errors:
                if self.app.should_stop:
                    return
                raise
            for fetched in found:
                self._deliver(fetched)
            few = sum(len(fetched.records) for fetched in found) < _FEW
            await asyncio.sleep(pace_s if few else 0)

    def _deliver(self, fetched: Fetched) -> None:
        reading = fetched.reading
        if reading.closed or not self.flow_active:
            return  # the next owner reads it again
        if not fetched.records:
            reading.prefix.skip(fetched.start, fetched.next_offset)
            return
        block = reading.block(fetched.records, fetched.start, fetched.next_offset, fetched.size)
        self._channels[reading.tp.topic].queue.force_put_nowait(block)

    def _channel_by_topic(self) -> dict[str, ChannelT[Any]]:
        """The agents' channels. Raises `ImproperlyConfigured` for two agents on one topic: a block has one owner."""
        pairs = [(name, channel) for channel in self.app.topics for name in channel.topics]
        twice = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
        if twice:
            msg = f"expected one agent for each topic, got several for {twice}; give every agent topics of its own"
            raise ImproperlyConfigured(msg)
        return dict(pairs)

    def _durable_offsets(self) -> dict[TP, int]:
        ours = ((tp, reading) for tp, reading in self.readings.items() if tp.topic not in self.committed_elsewhere)
        return {tp: reading.prefix.end for tp, reading in ours if reading.prefix.end > reading.committed}

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        try:
            return await self._thread.commit_within(offsets, _COMMIT_LIMIT_S)
        except TimeoutError:
            self.log.warning("offsets not committed within %s s; they will be with later ones", _COMMIT_LIMIT_S)
            return False

    def _count_failure(self, failed: bool) -> None:
        """A worker whose offsets are not taken for long has no place in the group, or the group no coordinator."""
        now_s = self.loop.time()
        if not failed:
            self._failures, self._taken_s = 0, now_s
            return
        self._failures += 1
        if self._failures >= _COMMITS_FAILED and now_s - self._taken_s > _COMMITS_STUCK_S:
            reason = f"no offset was committed for {_COMMITS_STUCK_S:.0f} s; has the group a coordinator?"
            end_process(ExitCode.NO_PROGRESS, reason)

    async def _let_go_of_all(self, *_: Any, **__: Any) -> None:
        await self._let_go(frozenset(self.readings) | self.assignment())

    async def _let_go(self, revoked: frozenset[TP]) -> None:
        if self.options.drain is not None and revoked:
            await self._drained(self.options.drain(revoked))
        await self.commit()
        for reading in self.readings.values():
            reading.close()
        self.readings.clear()

    async def _drained(self, drain: Awaitable[None]) -> None:
        task = asyncio.ensure_future(drain)
        task.add_done_callback(end_if_failed)
        await asyncio.wait({task}, timeout=DRAIN_LIMIT_S)
        if not task.done():
            self.log.warning("not drained within %s s; the next owner reads again what is not durable", DRAIN_LIMIT_S)
            task.cancel()

    def _crash(self, reason: BaseException) -> None:
        """Any service of the app that crashes passes here: Faust's way down may never end, and ours leaves nothing."""
        if isinstance(reason, asyncio.CancelledError):
            super()._crash(reason)
        else:
            end_with(reason, "a service of the app")
