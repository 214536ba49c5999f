"""From produce to intervention: a steady stream into the whole path, and a subscriber of committed interventions.

The time when an event was handed to the producer stands in its message id, and comes back as the trigger of the
intervention. Both clocks are this process's.
"""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from schemas.topics import DECISIONS, INTERVENTIONS
from speed.load import PARTITIONS, create_topics
from speed.offsets import modes
from speed.rows import Latency, load_average
from speed.run_kairos import Job, Worker, worker
from speed.stream import RATE_PER_S, Stream
from speed.usage import Usage, usage

POLICY: Final = Path(__file__).with_name("policy.toml")
WARM_UP_S: Final = 10.0
AFTER_S: Final = 3.0
FIRST_LIMIT_S: Final = 90.0


class _Trigger(msgspec.Struct):
    event_id: str


class _Sent(msgspec.Struct):
    trigger: _Trigger
    retracts: str = ""


_decode: Final = msgspec.json.Decoder(_Sent).decode


class Wait(NamedTuple):
    """When an event was produced, and when its intervention was seen: seconds of the wall clock."""

    produced_s: float
    seen_s: float


class Subscriber(threading.Thread):
    """Reads committed interventions. `waits` grows."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        super().__init__(daemon=True)
        self.waits: list[Wait] = []
        self._ending = threading.Event()
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": "subscriber", "isolation.level": "read_committed",
             "enable.auto.commit": False}
        )  # fmt: skip
        names = [prefix + topic.name for topic in INTERVENTIONS.values()]
        parts = [TopicPartition(name, number, OFFSET_BEGINNING) for name in names for number in range(PARTITIONS)]
        self._consumer.assign(parts)

    def run(self) -> None:
        """Read until asked to end."""
        while not self._ending.is_set():
            message = self._consumer.poll(0.1)
            if message is not None and message.error() is None:
                self._keep(_decode(message.value()), time.time())
        self._consumer.close()

    def _keep(self, sent: _Sent, seen_s: float) -> None:
        if not sent.retracts:  # a retraction waits for the watermark by design
            self.waits.append(Wait(int(sent.trigger.event_id.partition("-")[0]) / 1e9, seen_s))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self.join(5)


def measure(bootstrap: str, prefix: str, triton: tuple[str, int], seconds: float) -> Latency:
    """Latency and cores over `seconds` after a warm-up. `triton`: its address, its pid. Raises `WorkerError`."""
    create_topics(bootstrap, prefix)
    address, triton_pid = triton
    settings = {"KAIROS_CLOCK": "wall", "KAIROS_TRITON": address, "KAIROS_POLICY": str(POLICY)}
    stream, job = Stream(bootstrap, prefix), Job(bootstrap, prefix, "ingest,decide", settings)
    with Subscriber(bootstrap, prefix) as subscriber, worker(job) as running:
        _warm_up(stream, subscriber, running)
        began_s, began = time.time(), (usage(running.pid), usage(triton_pid))
        stream.run_for(seconds)
        ended_s, ended = time.time(), (usage(running.pid), usage(triton_pid))
        time.sleep(AFTER_S)
        running.check("measuring the latency")
    waits_ms = sorted((seen - made) * 1e3 for made, seen in subscriber.waits if began_s <= made < ended_s)
    scored = modes(bootstrap, prefix + DECISIONS.name).get("model", 0) / stream.sent
    return _report(waits_ms, seconds, scored, [_cores(*pair) for pair in zip(began, ended, strict=True)])


def _warm_up(stream: Stream, subscriber: Subscriber, running: Worker) -> None:
    """Send until interventions come, and some seconds more."""
    until_s = time.monotonic() + FIRST_LIMIT_S

    def waiting() -> bool:
        running.check("being warmed up")
        return not subscriber.waits and time.monotonic() < until_s

    stream.run(waiting)
    if not subscriber.waits:
        raise running.failed(f"sent no intervention in {FIRST_LIMIT_S:.0f} s")
    stream.run_for(WARM_UP_S)


def _cores(begin: Usage, end: Usage) -> float:
    return round((end.cpu_s - begin.cpu_s) / (end.at_s - begin.at_s), 3)


def _report(waits_ms: Sequence[float], seconds: float, scored: float, cores: Sequence[float]) -> Latency:
    return Latency(
        events_per_s=RATE_PER_S,
        seconds=seconds,
        interventions=len(waits_ms),
        p50_ms=round(waits_ms[len(waits_ms) // 2], 1),
        p99_ms=round(waits_ms[len(waits_ms) * 99 // 100], 1),
        max_ms=round(waits_ms[-1], 1),
        worker_cores=cores[0],
        triton_cores=cores[1],
        scored_share=round(scored, 4),
        load_average=load_average(),
    )
