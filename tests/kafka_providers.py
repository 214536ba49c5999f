"""Where tests find a real Apache Kafka. In order: KAIROS_TEST_KAFKA, Docker, the local JVM."""

import importlib.util
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import pytest

from streams.embedded.apache_kafka import ApacheKafka, broker_settings
from streams.embedded.cluster import bootstrap_answers
from streams.embedded.kafka_jars import can_have_kafka, kafka_version
from streams.embedded.ports import free_ports

Provider = Literal["environment", "docker", "jvm"]
ADDRESS = "KAIROS_TEST_KAFKA"
HOW_TO_GET_ONE = f"set {ADDRESS} to a bootstrap address, or install Java 17 and Maven"

brokers_of_its_own = pytest.mark.skipif(
    not can_have_kafka() and not os.environ.get("CI"),
    reason="needs Java 17 and Maven: this test stops brokers of its own",
)
"""Of a test that starts its Kafka itself: skipped where none can be had, but on CI it fails there."""


def chosen_provider() -> Provider | None:
    """The first one that can be had here; starts nothing."""
    if os.environ.get(ADDRESS):
        return "environment"
    if importlib.util.find_spec("testcontainers") is not None and _docker_answers():
        return "docker"
    return "jvm" if can_have_kafka() else None


def described(provider: Provider | None) -> str:
    """One line for the header of a test run."""
    if provider is None:
        return f"no real one here; {HOW_TO_GET_ONE}"
    told = {"environment": f"{ADDRESS}={os.environ.get(ADDRESS)}", "docker": "Docker, through testcontainers"}
    return told.get(provider, "on the local JVM") + ("" if provider == "environment" else f", Apache {kafka_version()}")


@contextmanager
def running_kafka(provider: Provider) -> Iterator[str]:
    """The bootstrap address of the real Kafka, which is stopped at the end if it was started here."""
    if provider == "environment":
        address = os.environ[ADDRESS]
        if not bootstrap_answers(address):
            msg = f"expected a Kafka at {ADDRESS}={address}, nobody answers there; start it or unset the variable"
            raise ConnectionError(msg)
        yield address
    elif provider == "docker":
        with _in_docker() as address:
            yield address
    else:
        with ApacheKafka() as kafka:
            yield kafka.bootstrap


def _docker_answers() -> bool:
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=5, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@contextmanager
def _in_docker() -> Iterator[str]:
    """The same settings as on the JVM: the image of Apache Kafka reads `a.b` from the variable KAFKA_A_B."""
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415  not a dependency: used where installed

    (port,) = free_ports(1)
    settings = broker_settings(replication=1) | {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": "1@localhost:9093",
        "controller.listener.names": "CONTROLLER",
        "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    }
    variables = {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in settings.items()}
    container = DockerContainer(f"apache/kafka:{kafka_version()}").with_envs(**variables).with_bind_ports(9092, port)
    with container:
        deadline = time.monotonic() + 60
        while not bootstrap_answers(f"127.0.0.1:{port}"):
            if time.monotonic() > deadline:
                msg = f"Kafka in Docker did not answer within 60 s: {container.get_logs()[0][-500:]!r}"
                raise TimeoutError(msg)
            time.sleep(0.2)
        yield f"127.0.0.1:{port}"
