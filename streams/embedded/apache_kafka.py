"""A real Apache Kafka on the local JVM, without Docker: one broker, or three that replicate."""

import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple, Self

from streams.embedded.cluster import cluster_at
from streams.embedded.kafka_jars import java, kafka_jars
from streams.embedded.ports import free_ports, require_free
from streams.embedded.process import ServerError, ServerProcess, server_folder

_READY_WITHIN_S: Final = 120
"""On a busy machine: three brokers beside workers and Triton on two cores were once not ready after 60 s."""
_FORMAT_WITHIN_S: Final = 60
_STOP_WITHIN_S: Final = 30


def broker_settings(replication: int) -> dict[str, str]:
    """What any Kafka of ours is set to, where it runs apart: durable where it can be, quick to start, fit for tests."""
    durable = str(min(replication, 2))
    return {
        "default.replication.factor": str(replication),
        "min.insync.replicas": durable,
        "auto.create.topics.enable": "false",  # a misspelt topic is an error, not a new topic with one partition
        "offsets.topic.replication.factor": str(replication),
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": str(replication),
        "transaction.state.log.min.isr": durable,
        "transaction.state.log.num.partitions": "4",
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",  # a short timeout is kept to a second
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",  # a test of a dead member need not wait the usual 6 s
        "log.cleaner.dedupe.buffer.size": str(4 << 20),  # 128 MB would not fit into a small heap
        "message.max.bytes": str(16 << 20),
    }


class Door(NamedTuple):
    """One more way into a broker: it listens at `inner`, and tells who comes in there that it stands at `outer`.

    What stands between the two ports of 127.0.0.1 is up to who asked for it: all that a client says passes there.
    """

    inner: int
    outer: int


class ApacheKafka:
    """Apache Kafka in KRaft mode, from `start` to `stop` or inside `with`. Its data goes with it.

    Every broker is a controller too. Three brokers: topics have three replicas, two of which must acknowledge.
    `doors` are by broker, then by number: `doors[0][2]` is the third door of the first broker.
    Blocking for seconds; from asyncio call it through `asyncio.to_thread`.
    """

    def __init__(self, brokers: int = 1, port: int | None = None, heap_mb: int = 384, doors: int = 0) -> None:
        """`port` of 127.0.0.1 is where the first broker listens; None takes a free one. Starts nothing yet."""
        self._count = brokers
        self._port = port
        self._heap_mb = heap_mb
        ports = iter(free_ports(2 * brokers * doors))
        self.doors = [[Door(next(ports), next(ports)) for _ in range(doors)] for _ in range(brokers)]
        self._stack = ExitStack()
        self._brokers: list[_Broker] = []

    @property
    def bootstrap(self) -> str:
        """The addresses of all brokers, those included that do not run."""
        return ",".join(f"127.0.0.1:{broker.port}" for broker in self._brokers)

    @property
    def alive(self) -> bool:
        """Whether every broker runs."""
        return bool(self._brokers) and all(broker.alive for broker in self._brokers)

    def start(self) -> Self:
        """Return once all brokers know each other. Raises `PortTakenError`, or `ServerError` when it cannot run."""
        if self._port is not None:
            require_free(self._port)
        launcher = _Launcher(java(), kafka_jars(), self._heap_mb)
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        with ExitStack() as stack:
            self._brokers = []
            for node_id, settings in enumerate(_cluster_settings(self._count, self._port, self.doors), start=1):
                folder = stack.enter_context(server_folder(f"kairos-kafka-{node_id}-"))
                self._brokers.append(_Broker(launcher, folder, settings, cluster_id))
            for broker in self._brokers:
                broker.format()
            for broker in self._brokers:
                stack.callback(broker.stop, hard=True)
                broker.launch()
            for broker in self._brokers:
                broker.wait_until_ready(self._count)
            self._stack = stack.pop_all()
        return self

    def stop(self) -> None:
        """End all brokers at once and delete their data: what is thrown away need not be closed well."""
        self._stack.close()

    def stop_broker(self, index: int, *, hard: bool = False) -> None:
        """Stop the broker (0 is the first) and keep its data: `hard` as a crash would, else in good order."""
        self._brokers[index].stop(hard=hard)

    def start_broker(self, index: int) -> None:
        """Start a stopped broker again, at its old address and with its data; return once it takes part."""
        self._brokers[index].launch()
        self._brokers[index].wait_until_ready(1)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Launcher:
    """How to run a class of Kafka: which Java, which jars, how much memory."""

    def __init__(self, program: str, jars: Path, heap_mb: int) -> None:
        self._program, self._jars, self._heap_mb = program, jars, heap_mb

    def command(self, main_class: str, temporary: Path, *arguments: str) -> list[str]:
        """The command line. `temporary` takes the native libraries that Kafka's codecs unpack."""
        memory = [f"-Xmx{self._heap_mb}m", "-XX:+UseSerialGC", "-XX:-UsePerfData"]  # the last one writes to /tmp
        settings = [f"-Djava.io.tmpdir={temporary}", "-Dorg.apache.logging.log4j.level=WARN"]
        return [self._program, *memory, *settings, "-cp", f"{self._jars}/*", main_class, *arguments]


class _Broker:
    """One node with its folder (properties, data, log) and, while it runs, its process."""

    def __init__(self, launcher: _Launcher, folder: Path, settings: dict[str, str], cluster_id: str) -> None:
        self._launcher = launcher
        self._folder = folder
        self._cluster_id = cluster_id
        self._node_id = settings["node.id"]
        self.port = int(settings["advertised.listeners"].split(",")[0].rpartition(":")[2])
        self._properties = folder / "server.properties"
        lines = [f"{name}={value}\n" for name, value in (settings | {"log.dirs": f"{folder}/data"}).items()]
        self._properties.write_text("".join(lines))
        self._server: ServerProcess | None = None

    @property
    def alive(self) -> bool:
        return self._server is not None and self._server.alive

    def format(self) -> None:
        arguments = ["format", f"--cluster-id={self._cluster_id}", f"--config={self._properties}"]
        command = self._launcher.command("kafka.tools.StorageTool", self._folder, *arguments)
        done = subprocess.run(command, capture_output=True, text=True, timeout=_FORMAT_WITHIN_S, check=False)
        if done.returncode != 0:
            lines = (done.stdout + done.stderr).split("\n")
            told = " | ".join([line for line in lines if line.strip() and not line.startswith((" ", "\t"))][-3:])
            msg = f"Kafka's StorageTool failed (code {done.returncode}): {told}; Kafka needs Java 17 or newer"
            raise ServerError(msg)

    def launch(self) -> None:
        command = self._launcher.command("kafka.Kafka", self._folder, str(self._properties))
        name = f"Kafka broker {self._node_id}"
        self._server = ServerProcess(name, command, self._folder / "log", scratch=self._folder)

    def wait_until_ready(self, brokers: int) -> None:
        """A broker answers clients only once the controller has let it in."""
        assert self._server is not None
        self._server.wait_until_ready(lambda: self._knows(brokers), _READY_WITHIN_S)

    def _knows(self, brokers: int) -> bool:
        cluster = cluster_at("127.0.0.1", self.port)
        return cluster is not None and cluster.cluster_id == self._cluster_id and len(cluster.node_ids) >= brokers

    def stop(self, *, hard: bool) -> None:
        if self._server is not None:
            if hard:
                self._server.kill()
            else:
                self._server.stop(_STOP_WITHIN_S)


def _cluster_settings(count: int, port: int | None, doors: Sequence[Sequence[Door]]) -> list[dict[str, str]]:
    """The configuration of each node, with free ports; the first one listens on `port` where one is given."""
    found = free_ports(2 * count)
    ports, controller_ports = found[:count], found[count:]
    if port is not None:
        ports[0] = port
    nodes = [_node_settings(node_id, ports, controller_ports) for node_id in range(1, count + 1)]
    return [_with_doors(node, own) for node, own in zip(nodes, doors, strict=True)]


def _with_doors(node: dict[str, str], doors: Sequence[Door]) -> dict[str, str]:
    """The configuration with a listener for each door. Brokers talk to each other without them."""
    if not doors:
        return node
    names = [f"DOOR{number}" for number in range(len(doors))]
    inner = [f"{name}://127.0.0.1:{door.inner}" for name, door in zip(names, doors, strict=True)]
    outer = [f"{name}://127.0.0.1:{door.outer}" for name, door in zip(names, doors, strict=True)]
    return node | {
        "listeners": ",".join([node["listeners"], *inner]),
        "advertised.listeners": ",".join([node["advertised.listeners"], *outer]),
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in ("PLAINTEXT", "CONTROLLER", *names)),
    }


def _node_settings(node_id: int, ports: Sequence[int], controller_ports: Sequence[int]) -> dict[str, str]:
    """The whole configuration of one node but for its data folder; node ids count from 1."""
    client = f"PLAINTEXT://127.0.0.1:{ports[node_id - 1]}"
    voters = [f"{number}@127.0.0.1:{port}" for number, port in enumerate(controller_ports, start=1)]
    # A crashed broker is missed after 4 s instead of 9: tests wait for that. One alone has nobody to take over from it.
    quick = {"broker.session.timeout.ms": "4000", "broker.heartbeat.interval.ms": "500"} if len(ports) > 1 else {}
    return (
        broker_settings(min(len(ports), 3))
        | quick
        | {
            "process.roles": "broker,controller",
            "node.id": str(node_id),
            "controller.quorum.voters": ",".join(voters),
            "controller.listener.names": "CONTROLLER",
            "listeners": f"{client},CONTROLLER://127.0.0.1:{controller_ports[node_id - 1]}",
            "advertised.listeners": client,
        }
    )
