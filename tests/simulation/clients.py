"""Stand-ins for the other clients of aiokafka that a worker makes: followers, the loader's, the admin's."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest
from faust.types import TP

from streams.topic_ids import TopicsRequest
from tests.simulation.readers import Positions
from tests.simulation.wire import Wire

VERSIONS = {
    TopicsRequest.API_KEY: (10, 10),
    OffsetRequest.API_KEY: (2, 2),
    FetchRequest.API_KEY: (4, 4),
    OffsetFetchRequest.API_KEY: (1, 1),
}
EARLIEST = -2


class Cluster:
    """What a client knows of the broker: everything."""

    def __init__(self, topics: Mapping[str, int]) -> None:
        self._topics = topics

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(self._topics.get(topic, 0)))

    def leader_for_partition(self, _tp: Any) -> int:
        return 0


class Follower:
    """As much of `AIOKafkaConsumer` as `streams/follow.py` uses."""

    def __init__(self, **_settings: Any) -> None:
        self._wire = Wire("follower")
        self._positions = Positions(self._wire, committed=True)
        self._client = self

    async def start(self) -> None:
        await self._wire.ask(lambda: None)

    async def stop(self) -> None:
        self._positions.close()

    async def fetch_all_metadata(self) -> Cluster:
        topics = self._wire.site.broker.topics
        return await self._wire.ask(lambda: Cluster(topics))

    def assign(self, tps: Iterable[TopicPartition]) -> None:
        self._positions.at = {TP(*tp): 0 for tp in tps}
        self._positions.watch(list(self._positions.at))

    async def seek_to_beginning(self, *_tps: TopicPartition) -> None:
        """It is there already."""

    async def end_offsets(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        tps = list(tps)
        return await self._wire.ask(lambda: {tp: self._positions.end_of(TP(*tp)) for tp in tps}, "ends")

    async def position(self, tp: TopicPartition) -> int:
        return self._positions.at[TP(*tp)]

    async def getmany(self, *, timeout_ms: int) -> dict[TP, list[Any]]:
        at = self._positions.at
        if all(at[tp] >= self._positions.end_of(tp) for tp in at):
            await self._positions.news(timeout_ms / 1_000)
        return {tp: self._positions.take(tp)[0] for tp in at if at[tp] < self._positions.end_of(tp)}


class Admin:
    """As much of `AIOKafkaAdminClient` as `streams/connection.py` uses."""

    def __init__(self, **_settings: Any) -> None:
        self._wire = Wire("admin")

    async def start(self) -> None:
        await self._wire.ask(lambda: None)

    async def close(self) -> None:
        self._wire.closed = True

    async def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        topics = self._wire.site.broker.topics
        return await self._wire.ask(lambda: [_described(name, topics.get(name, 0)) for name in names])


def _described(name: str, partitions: int) -> dict[str, Any]:
    return {"topic": name, "error_code": 0, "partitions": [{"partition": number} for number in range(partitions)]}


class _Answer(NamedTuple):
    """A response, as aiokafka's classes have it."""

    topics: list[Any]
    API_VERSION: int
    cluster_id: str = "simulated"


class Client:
    """As much of `AIOKafkaClient` as `streams/table/loader.py` uses."""

    hosts = ("the simulated broker",)

    def __init__(self, **_settings: Any) -> None:
        self._wire = Wire("loader")
        self.cluster = Cluster(self._wire.site.broker.topics)

    async def bootstrap(self) -> None:
        await self._wire.ask(lambda: None)

    async def set_topics(self, _topics: list[str]) -> None:
        await self._wire.ask(lambda: None)

    async def force_metadata_update(self) -> None:
        await self._wire.ask(lambda: None)

    async def coordinator_lookup(self, *_what: Any) -> int:
        return 0

    async def close(self) -> None:
        self._wire.closed = True

    async def send(self, _node: int, request: Any, **_group: Any) -> _Answer:
        asked = request.prepare(VERSIONS)
        answers = {
            OffsetRequest.API_KEY: self._offset,
            FetchRequest.API_KEY: self._fetch,
            OffsetFetchRequest.API_KEY: self._committed,
            TopicsRequest.API_KEY: self._described,
        }
        answer, kind = answers[request.API_KEY], "ends" if request.API_KEY == OffsetRequest.API_KEY else "other"
        return await self._wire.ask(lambda: answer(asked), kind)

    def _described(self, asked: Any) -> _Answer:
        """Of topics that are never deleted: the name serves as the id."""
        return _Answer([(0, name, name.encode()) for _, name, _ in asked.topics], 10)

    def _offset(self, asked: Any) -> _Answer:
        ((topic, ((partition, which),)),) = asked.topics
        log = self._wire.site.broker.log(TP(topic, partition))
        end = log.stable_end if asked.isolation_level else log.end
        return _Answer([(topic, [(partition, 0, -1, 0 if which == EARLIEST else end)])], 2)

    def _fetch(self, asked: Any) -> _Answer:
        ((topic, ((partition, position, _),)),) = asked.topics
        log = self._wire.site.broker.log(TP(topic, partition))
        end = log.stable_end if asked.isolation_level else log.end
        data, aborted = log.read(position, end)
        return _Answer([(topic, [(partition, 0, log.end, log.stable_end, aborted, data)])], 4)

    def _committed(self, asked: Any) -> _Answer:
        ((topic, (partition,)),) = asked.topics
        offset = self._wire.site.broker.committed.get(TP(topic, partition), -1)
        return _Answer([(topic, [(partition, offset, "", 0)])], 1)
