"""What a worker reaches outside of itself; a simulation of several workers in one process gives it something else."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient

from streams.watchdog import Watchdog


class Outside(NamedTuple):
    """What makes the clients of the broker, the clock of its loops (seconds, monotonic), and who starts a watchdog."""

    producer: Callable[..., Any] = AIOKafkaProducer
    consumer: Callable[..., Any] = AIOKafkaConsumer
    client: Callable[..., Any] = AIOKafkaClient
    admin: Callable[..., Any] = AIOKafkaAdminClient
    now_s: Callable[[], float] = time.monotonic
    watch: Callable[[Watchdog], object] = Watchdog.start
