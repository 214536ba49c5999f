"""The brokers of the tests: `kafka` is a real one, `broker` is any."""

import os
import sys
import uuid
from collections.abc import Callable, Iterator

import pytest

from streams.embedded.tansu import EmbeddedBroker
from tests.kafka_providers import HOW_TO_GET_ONE, chosen_provider, described, running_kafka

_RUNNING = pytest.StashKey[str]()
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side: threads of each would wait for each other


def pytest_report_header() -> str:
    """Say which Kafka the tests would use; nothing is started for it."""
    return f"kafka: {described(chosen_provider())}"


@pytest.fixture(scope="session")
def kafka(pytestconfig: pytest.Config) -> Iterator[str]:
    """The bootstrap address of a real Apache Kafka, one for the session.

    Where none can be had the test is skipped, on CI it fails: durability that was not tested there is not known.
    """
    provider = chosen_provider()
    if provider is None:
        said = f"needs a real Apache Kafka: {HOW_TO_GET_ONE}"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    with running_kafka(provider) as address:
        pytestconfig.stash[_RUNNING] = address
        yield address
        del pytestconfig.stash[_RUNNING]


@pytest.fixture(scope="session")
def embedded_broker() -> Iterator[str]:
    """The bootstrap address of the embedded broker, one for the session."""
    with EmbeddedBroker() as embedded:
        yield embedded.bootstrap


@pytest.fixture
def broker(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> str:
    """The bootstrap address of any broker, for what claims no durability.

    The real one if it runs already, else the embedded one where there is one (Linux).
    """
    running = pytestconfig.stash.get(_RUNNING, None)
    if running is not None:
        return running
    address: str = request.getfixturevalue("embedded_broker" if sys.platform == "linux" else "kafka")
    return address


@pytest.fixture
def topic_name() -> Callable[[str], str]:
    """Makes names of topics that no other test uses: `topic_name("orders")`."""
    return lambda name: f"{name}-{uuid.uuid4().hex[:12]}"
