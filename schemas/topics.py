"""The table of topics: everything Kairos reads or writes on Kafka stands here once."""

from typing import Final, Literal

import msgspec

from schemas.interventions import KINDS

DAY_MS: Final = 86_400_000


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One topic. `id` is the number that stands for an input topic in a `Coordinate`; it is never used again.

    `key` and `value` say what is in them; `record` names the class of the value. `partitions` is a default: inputs
    may have any number, and the topics beside the timeline have as many as the timeline (`partitions=0` says so).
    `retention_ms` is -1 for ever. A compacted topic keeps the last value of each key; of one that changes much and is
    read whole by every worker that starts, `segment_ms` says how soon what is older is looked through. With
    `append_time` the broker stamps the records, with its clock: that of the inputs is what event times are held
    against.
    """

    name: str
    role: Literal["input", "log", "output", "internal", "dead_letters"]
    key: str
    value: Literal["json", "binary", "original"]
    record: str
    about: str
    id: int = 0
    partitions: int = 0
    cleanup: Literal["delete", "compact"] = "delete"
    retention_ms: int = 7 * DAY_MS
    segment_ms: int = 0
    append_time: bool = False

    def config(self) -> dict[str, str]:
        """Kafka's topic configuration, replication apart."""
        config = {"cleanup.policy": self.cleanup, "max.message.bytes": str(16 << 20)}
        if self.append_time:
            config["message.timestamp.type"] = "LogAppendTime"
        if self.cleanup == "delete":
            config["retention.ms"] = str(self.retention_ms)
        if self.cleanup == "compact":
            config |= {"min.compaction.lag.ms": "3600000", "delete.retention.ms": str(DAY_MS)}
        if self.segment_ms:
            config |= {"min.compaction.lag.ms": "0", "segment.ms": str(self.segment_ms)}
        return config


def _input(name: str, id_: int, record: str, about: str, partitions: int = 8) -> Topic:
    return Topic(
        name=name, id=id_, role="input", key="shopper", value="json", record=record, about=about, partitions=partitions,
        append_time=True,
    )  # fmt: skip


CLICK: Final = _input("shop.events.click.v1", 1, "Click", "products and lists viewed, clicks, searches")
CART: Final = _input("shop.events.cart.v1", 2, "CartEvent", "carts: added, removed, viewed, checkout started")
PURCHASE: Final = _input("shop.events.purchase.v1", 3, "PurchaseEvent", "orders completed and refunded")
CONSENT: Final = _input("shop.events.consent.v1", 4, "ConsentUpdated", "what a shopper may be asked", partitions=1)
INPUTS: Final = (CLICK, CART, PURCHASE, CONSENT)

TIMELINE: Final = Topic(
    name="shop.timeline.v1", role="log", key="shopper", value="binary", record="Entry", retention_ms=-1, partitions=8,
    about="the log: every believed event once or more, with its source; TICKs",
)  # fmt: skip
CHANGELOG: Final = Topic(
    name="shop.shoppers.changelog.v1", role="internal", key="shopper", value="binary", record="Shopper",
    cleanup="compact", about="the shopper table: the last record of every shopper, and each partition's meta record",
)  # fmt: skip
PROGRESS: Final = Topic(
    name="shop.progress.v1", role="internal", key="topic/partition", value="json", record="Progress",
    cleanup="compact", partitions=1, segment_ms=600_000, append_time=True,
    about="how far ingest has read each input partition",
)  # fmt: skip
CLOCK: Final = Topic(
    name="shop.clock.v1", role="internal", key="none", value="json", record="Clock", partitions=1,
    about="log time, where a feed sets it (demo, tests, recorded logs)",
)  # fmt: skip
DECISIONS: Final = Topic(
    name="shop.decisions.v1", role="output", key="shopper", value="json", record="Decision",
    about="every scored decision: scores, rung, policy, reasons",
)  # fmt: skip
SUPPRESSED: Final = Topic(
    name="shop.interventions.suppressed.v1", role="output", key="shopper", value="json", record="Suppressed",
    about="interventions that were not sent, with the reason",
)  # fmt: skip
INTERVENTIONS: Final = {
    kind: Topic(
        name=f"shop.interventions.{kind}.v1", role="output", key="shopper", value="json", record="Intervention",
        about="what to do for a shopper now; retractions follow under the same key",
    )
    for kind in KINDS
}  # fmt: skip


DLQ: Final = ".dlq"
"""What the name of an input's dead-letter topic ends with."""


def dead_letters_of(topic: Topic) -> Topic:
    """The topic that keeps what an input topic, or the timeline, held and Kairos refused."""
    return Topic(
        name=topic.name + DLQ, role="dead_letters", key="original", value="original", record="DeadLetter",
        partitions=1, retention_ms=30 * DAY_MS, about=f"refused records of {topic.name}, as they came, with the reason",
    )  # fmt: skip


DEAD_LETTERS: Final = tuple(dead_letters_of(topic) for topic in (*INPUTS, TIMELINE))
TOPICS: Final = (
    *INPUTS, TIMELINE, CHANGELOG, PROGRESS, CLOCK, DECISIONS, SUPPRESSED, *INTERVENTIONS.values(), *DEAD_LETTERS,
)  # fmt: skip


def named(topic: Topic, prefix: str) -> str:
    """The topic's name on the broker: the prefix of the settings, then the name.

    >>> named(CLOCK, "test-7.")
    'test-7.shop.clock.v1'
    """
    return prefix + topic.name


def follows_timeline(topic: Topic) -> bool:
    """Whether the topic has exactly as many partitions as the timeline, because it is cut like it."""
    return topic is TIMELINE or topic.partitions == 0


def partitions_of(topic: Topic, timeline_partitions: int) -> int:
    """How many partitions a topic is created with.

    >>> partitions_of(CHANGELOG, 12), partitions_of(CLOCK, 12)
    (12, 1)
    """
    return timeline_partitions if follows_timeline(topic) else topic.partitions
