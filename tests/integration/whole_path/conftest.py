"""The shop whose whole path is tested: its log, and a place on Kafka for it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from streams.embedded.triton import EmbeddedTriton
from streams.feed import Arrival
from streams.simulate import simulate
from tests.integration.whole_path.shop_path import ShopPath

HOUR_MS = 3_600_000


@pytest.fixture(scope="session")
def shop_log() -> list[Arrival]:
    """Two and a half hours of a simulated shop: some 5,400 records, with duplicates, late and malformed ones."""
    return list(simulate(seed=7, shoppers=250, duration_ms=2 * HOUR_MS))


@pytest.fixture(scope="session")
def short_log() -> list[Arrival]:
    """The same shop for half as long, with more to do: carts are what takes time to decide."""
    return list(simulate(seed=8, shoppers=250, duration_ms=HOUR_MS))


@pytest.fixture
def open_path(kafka: str, triton: EmbeddedTriton, tmp_path: Path) -> Callable[..., ShopPath]:
    """Makes a shop's path on the real Kafka and the real Triton; settings may be given."""
    return lambda **settings: ShopPath(kafka, tmp_path, **{"triton": triton.grpc_address, "model": "tiny"} | settings)
