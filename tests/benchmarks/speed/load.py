"""Puts the events on the broker: all in one topic for the peers, by kind in Kairos' input topics."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.progress import Clock, encode
from schemas.topics import CLOCK
from speed.events import events, last_ms

PARTITIONS: Final = 8
KAIROS: Final = Path(sys.executable).with_name("kairos")
_PENDING: Final = 500_000
_LIMIT_S: Final = 60.0


def load_for_peers(bootstrap: str, topic: str, count: int) -> None:
    """All events in one new topic."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    created = admin.create_topics([NewTopic(topic, PARTITIONS, 1, config={"max.message.bytes": str(16 << 20)})])
    created[topic].result(_LIMIT_S)
    _send(bootstrap, ((topic, event.key, event.value) for event in events(count)), count)


def load_for_kairos(bootstrap: str, prefix: str, count: int) -> None:
    """All events in the input topics of a new set of topics; the clock topic says that they are all there."""
    create_topics(bootstrap, prefix)
    _send(bootstrap, ((prefix + event.topic.name, event.key, event.value) for event in events(count)), count)
    _send(bootstrap, [(prefix + CLOCK.name, None, encode(Clock(at_ms=last_ms(count))))], 1)


def create_topics(bootstrap: str, prefix: str) -> None:
    """`kairos topics create`. Raises `RuntimeError` with what it said."""
    env = {**os.environ, "KAIROS_BROKER": bootstrap, "KAIROS_TOPIC_PREFIX": prefix}
    done = subprocess.run(
        [KAIROS, "topics", "create"], env=env, capture_output=True, text=True, timeout=_LIMIT_S, check=False
    )
    if done.returncode != 0:
        msg = f"kairos topics create ended with {done.returncode}: {done.stderr.strip()}"
        raise RuntimeError(msg)


def _send(bootstrap: str, records: Iterable[tuple[str, bytes | None, bytes]], count: int) -> None:
    """Send and wait until all is acknowledged. Raises `RuntimeError` if some is not within a minute."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "linger.ms": 50,
            "batch.num.messages": 10_000,
            "queue.buffering.max.messages": 2 * _PENDING,
            "compression.type": "lz4",
            "partitioner": "murmur2_random",
        }
    )
    with click.progressbar(length=count, label=f"sending {count:,} events", file=sys.stderr) as bar:
        for n, (topic, key, value) in enumerate(records, start=1):
            producer.produce(topic, value, key)
            if n % 10_000 == 0:
                bar.update(10_000)
                while len(producer) > _PENDING:
                    producer.poll(0.1)
        left = producer.flush(_LIMIT_S)
    if left:
        msg = f"expected the broker to take {count} events, {left} were not acknowledged in {_LIMIT_S:.0f} s"
        raise RuntimeError(msg)
