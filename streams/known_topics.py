"""The topics that a shop's state belongs to: all there, cut as the settings say, and not made anew in between.

A topic that is deleted and made anew begins at offset 0 again. Its new events would be taken for repeats of the old
ones, and dropped in silence; so Kafka's ids of the topics are remembered, on the progress topic, and a worker does not
run on others. An input topic can be adopted: its events then count as new ones, see `Input.epoch`.
"""

import asyncio
import logging
from typing import ClassVar, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.progress import KNOWN_KEY, Known, decode_known, encode_known
from schemas.topics import CHANGELOG, INPUTS, PROGRESS, TIMELINE, TOPICS, named
from streams.connection import MissingTopicError, connection
from streams.exit_codes import ExitCode
from streams.settings import Settings
from streams.topic_ids import Standing, standing
from streams.transport.fatal import end_process

READ_LIMIT_S: Final = 30.0
LOOK_EVERY_S: Final = 5.0
LOOK_LIMIT_S: Final = 20.0
MISSES: Final = 3
"""A topic is gone when it was not there so many times in a row: a broker that has just started knows none."""

log = logging.getLogger(__name__)


class WrongTopicError(MissingTopicError):
    """A topic is there, and is not the one that this shop's state belongs to."""

    exit_code: ClassVar[ExitCode] = ExitCode.BAD_CONFIGURATION


async def require(settings: Settings) -> dict[str, Known]:
    """The topics as this shop knows them, by name on the broker; what is seen for the first time is remembered.

    Raises `MissingTopicError` and `WrongTopicError`, one line that names the topic and the fix; aiokafka's errors.
    """
    async with asyncio.timeout(LOOK_LIMIT_S):
        found = await _standing(settings)
    _check_partitions(settings, found)
    known = await remembered(settings)
    renewed = _renewed(known, found)
    for topic in (TIMELINE, CHANGELOG):
        if named(topic, settings.topic_prefix) in renewed:
            raise WrongTopicError(_other_log(named(topic, settings.topic_prefix)))
    inputs = sorted(renewed & {named(topic, settings.topic_prefix) for topic in INPUTS})
    if inputs:
        msg = f"expected {inputs[0]} as it was, it was deleted and made anew: its offsets begin again, and its events"
        raise WrongTopicError(f"{msg} would be taken for repeats; stop all workers, then run `kairos topics adopt`")
    now = known | {name: Known(id=topic.id) for name, topic in found.items() if name not in known or name in renewed}
    if now != known:
        await _remember(settings, now)
    return now


async def adopt(settings: Settings) -> list[str]:
    """Take the input topics that were made anew: they are read from their beginning, and their events count as new.

    Returns their names. No worker may run meanwhile: raises aiokafka's `UnknownMemberIdError` where one does.
    """
    found, known = await _standing(settings), await remembered(settings)
    ours = {named(topic, settings.topic_prefix) for topic in INPUTS}
    renewed = sorted(_renewed(known, found) & ours)
    if renewed:
        await _read_from_the_beginning(settings, {name: found[name] for name in renewed})
        await _remember(
            settings, known | {name: Known(id=found[name].id, epoch=known[name].epoch + 1) for name in renewed}
        )
    return renewed


async def watch(settings: Settings, known: dict[str, Known]) -> None:
    """End the process when a topic is deleted under it, or one that state belongs to is made anew. Until cancelled."""
    misses, ours = 0, {named(topic, settings.topic_prefix) for topic in (*INPUTS, TIMELINE, CHANGELOG)}
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            async with asyncio.timeout(LOOK_LIMIT_S):
                found = await standing(connection(settings), list(known))
        except (KafkaError, TimeoutError) as error:
            log.warning("the topics could not be looked at: %r", error)
            continue
        renewed, missing = sorted(_renewed(known, found)), sorted(known.keys() - found.keys())
        if ours & set(renewed):
            reason = f"{min(ours & set(renewed))} was deleted and made anew under this worker; see the runbook"
            end_process(ExitCode.BAD_CONFIGURATION, reason)
        if renewed:  # the progress topic perhaps, and what it remembered with it
            known |= {name: Known(id=found[name].id) for name in renewed}
            await _remember(settings, known)
        misses = misses + 1 if missing else 0
        if misses == MISSES:
            reason = f"expected the topic {missing[0]}, it was deleted under this worker; run `kairos topics create`"
            end_process(ExitCode.BAD_CONFIGURATION, reason)


async def remembered(settings: Settings) -> dict[str, Known]:
    """The topics as the progress topic tells them, nothing before the first worker's start."""
    known: dict[str, Known] = {}
    part = TopicPartition(named(PROGRESS, settings.topic_prefix), 0)
    consumer = AIOKafkaConsumer(enable_auto_commit=False, **connection(settings))
    async with asyncio.timeout(READ_LIMIT_S):
        await consumer.start()
        try:
            consumer.assign([part])
            await consumer.seek_to_beginning(part)
            end = (await consumer.end_offsets([part]))[part]
            while await consumer.position(part) < end:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    for record in records:
                        if record.key == KNOWN_KEY and record.value is not None:
                            known = decode_known(record.value)
        finally:
            await consumer.stop()
    return known


async def _standing(settings: Settings) -> dict[str, Standing]:
    names = [named(topic, settings.topic_prefix) for topic in TOPICS]
    found = await standing(connection(settings), names)
    missing = [name for name in names if name not in found]
    if missing:
        more = f" and {len(missing) - 1} more do" if missing[1:] else " does"
        msg = f"expected the topic {missing[0]}, it{more} not exist on {settings.broker}; run `kairos topics create`"
        raise MissingTopicError(msg)
    return found


def _check_partitions(settings: Settings, found: dict[str, Standing]) -> None:
    wanted = settings.timeline_partitions
    for topic in (TIMELINE, CHANGELOG):
        name = named(topic, settings.topic_prefix)
        if found[name].partitions != wanted:
            msg = f"expected {wanted} partitions of {name} (KAIROS_TIMELINE_PARTITIONS), got {found[name].partitions}"
            raise WrongTopicError(f"{msg}; `kairos topics check` says what to do")


def _renewed(known: dict[str, Known], found: dict[str, Standing]) -> set[str]:
    """The topics whose id is another one."""
    return {name for name in known.keys() & found.keys() if known[name].id != found[name].id}


def _other_log(name: str) -> str:
    return (
        f"expected {name} as it was, it was deleted and made anew: the state of this shop does not belong to it; "
        "begin anew with another KAIROS_APP_ID and KAIROS_TOPIC_PREFIX, and `kairos topics create`"
    )


async def _remember(settings: Settings, known: dict[str, Known]) -> None:
    async with (
        asyncio.timeout(READ_LIMIT_S),
        AIOKafkaProducer(acks="all", **connection(settings)) as producer,
    ):
        name = named(PROGRESS, settings.topic_prefix)
        await producer.send_and_wait(name, encode_known(known), KNOWN_KEY, partition=0)


async def _read_from_the_beginning(settings: Settings, topics: dict[str, Standing]) -> None:
    consumer = AIOKafkaConsumer(group_id=settings.app_id, enable_auto_commit=False, **connection(settings))
    async with asyncio.timeout(READ_LIMIT_S):
        await consumer.start()
        try:
            parts = [TopicPartition(name, n) for name, topic in topics.items() for n in range(topic.partitions)]
            consumer.assign(parts)
            await consumer.commit(dict.fromkeys(parts, 0))
        finally:
            await consumer.stop()
