"""What the transport must be told, and what it needs of Faust's settings."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import faust
import msgspec
from faust.types import TP, AppT

Drain = Callable[[frozenset[TP]], Awaitable[None]]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How blocks are delivered to one app.

    `gated` topics are read only from where `Consumer.open_partition` says; all others from the committed offset on.
    The offsets of `committed_elsewhere` topics are committed inside transactions, never by the transport.
    `drain` is called with the partitions that are being given up, at a rebalance and before the end, and has five
    seconds to finish what is in hand; after that what is durable is committed and the rest goes to the next owner.
    `idempotent` and `read_committed` are off for a broker without producer ids and transactions.
    `standbys` is how many workers beside its owner the group gives each partition to, as a standby.

    `pace_ms` is the shortest time between two small fetches: a record waits that long at most, and each fetch costs
    about a millisecond of CPU. `fetch_wait_ms` is how long the broker holds a fetch that finds nothing.
    """

    gated: frozenset[str] = frozenset()
    committed_elsewhere: frozenset[str] = frozenset()
    drain: Drain | None = None
    idempotent: bool = True
    read_committed: bool = True
    standbys: int = 0
    pace_ms: int = 30
    fetch_wait_ms: int = 100
    max_queued_records: int = 32_768
    max_queued_bytes: int = 16 << 20


_OPTIONS: Final = "transport_options"


def configure(app: faust.App, options: Options) -> None:
    """Tell the transport of `app`, before the app starts, how to deliver."""
    setattr(app, _OPTIONS, options)


def options_of(app: AppT) -> Options:
    """What `configure` was told, else the defaults."""
    options = getattr(app, _OPTIONS, None)
    return options if isinstance(options, Options) else Options()


def static_member(instance_id: str) -> dict[str, Any]:
    """The settings of a worker that keeps its partitions through a restart; none where it has no such name.

    The group gives a member of a known name its old share again, without a rebalance, when it is back within the
    session timeout. Faust's assignor then insists on the URL that the share was made out to.

    >>> static_member("kairos-0")["consumer_group_instance_id"], static_member("")
    ('kairos-0', {})
    """
    url = f"http://localhost/{instance_id}"
    return {"consumer_group_instance_id": instance_id, "canonical_url": url} if instance_id else {}


def faust_settings(**others: Any) -> dict[str, Any]:
    """The settings of `faust.App` that the transport needs; `others` are added and win. Seconds, but for `_ms`.

    Data plane:
    - `Agent`: an agent that raises ends the process; Faust would restart it behind the block that failed.
    - `processing_guarantee`: Faust's "exactly_once" covers neither sinks nor our transactions.
    - `stream_wait_empty`: Faust would wait without limit at each rebalance; `Options.drain` has five seconds.
    - `broker_max_poll_records`, `consumer_max_fetch_size`: few, large polls cost least where there is a backlog.
    - `consumer_auto_offset_reset`: what nobody has read yet is read from its beginning.
    - `broker_commit_interval`: how much is read again after a crash; what is read again is dropped by the fences.
    - `producer_acks`: every replica in sync has what counts as appended.
    - `producer_compression_type`: aiokafka's lz4 is level 9: 33 MB/s against 451 of snappy.
    - `producer_max_batch_size`: what `send_records` puts into one batch; a broker takes 1 MB where not told otherwise.
      `producer_max_request_size` holds the largest value that our topics take.
    - `producer_linger`: a batch is complete when it is handed over.
    - `producer_threaded`: Faust's threaded producer cannot wait for what it has sent.

    Group:
    - `broker_session_timeout`: the outage after kill -9, and how long a restart of a static member may take.
    - `broker_request_timeout`: not shorter than the session's, or Faust refuses to start.
    - `broker_heartbeat_interval`: a rebalance waits until each member has heard of it, with its next heartbeat.
    - `broker_rebalance_timeout`: holds a drain of five seconds, a flush and a commit several times over.
    - `broker_max_poll_interval`: aiokafka leaves the group after that long without a fetch, which back-pressure may
      need; liveness comes from progress.
    - `consumer_metadata_max_age_ms`: so long does nobody read a partition that was added to a topic; the watermark
      waits for it.
    - `table_standby_replicas`: above 0 it brings the sticky assignor, which keeps equal partitions together. How many
      standbys there are `Options.standbys` says, to our `PartitionAssignor`.
    - `consumer_group_instance_id`, `canonical_url`: of a static member, see `static_member`.

    Faust's own:
    - `topic_disable_leader`, `topic_allow_declare`: topics are made by our own command, with their configuration; so
      Faust's `topic_replication_factor` has no effect, `KAIROS_REPLICATION` has.
    - `worker_redirect_stdouts`: standard error stays itself.
    - `web_*`: no table is served, and no page; metrics have a server of their own.

    >>> faust_settings(broker_session_timeout=10)["broker_session_timeout"]
    10
    """
    return {
        "Agent": "streams.transport.agent:BlockAgent",
        "processing_guarantee": "at_least_once",
        "stream_wait_empty": False,
        "broker_max_poll_records": 16_000,
        "consumer_max_fetch_size": 4 << 20,
        "consumer_auto_offset_reset": "earliest",
        "broker_commit_interval": 1.0,
        "producer_acks": -1,
        "producer_compression_type": "snappy",
        "producer_max_batch_size": 1_000_000,
        "producer_max_request_size": 16 << 20,
        "producer_linger": 0.0,
        "producer_threaded": False,
        "broker_session_timeout": 30.0,
        "broker_request_timeout": max(90.0, others.get("broker_session_timeout", 0.0)),
        "broker_heartbeat_interval": 1.0,
        "broker_rebalance_timeout": 60.0,
        "broker_max_poll_interval": 86_400.0,
        "consumer_metadata_max_age_ms": 10_000,
        "PartitionAssignor": "streams.transport.assignor:Assignor",
        "table_standby_replicas": 1,
        "topic_disable_leader": True,
        "topic_allow_declare": False,
        "worker_redirect_stdouts": False,
        "web_enabled": False,
        "web_tables_enabled": False,
        "web_graph_enabled": False,
        **others,
    }
