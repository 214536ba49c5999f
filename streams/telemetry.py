"""What a worker tells Prometheus: every metric of Kairos by name, read from the worker's objects when it is scraped."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, cast

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from inference.client.breaker import State
from inference.client.ladder import Ladder
from schemas.interventions import KINDS
from schemas.topics import CLOCK, PROGRESS, TIMELINE
from streams.clock import BrokerClock, TopicClock
from streams.counts import BOUNDS_S, Durations
from streams.transport.consumer import Consumer
from streams.worker import Worker

BREAKER_STATES: Final[tuple[State, ...]] = ("closed", "half_open", "open")
Labelled = Iterable[tuple[tuple[str, ...], float]]
ByLabels = Mapping[tuple[str, ...], Durations]


def serve(worker: Worker, port: int) -> None:
    """Serve `/metrics` in a thread, as long as the process lives. Raises a one-line `ValueError` where it cannot."""
    registry = CollectorRegistry()
    registry.register(Telemetry(worker))
    ProcessCollector(registry=registry)
    try:
        start_http_server(port, registry=registry)
    except OSError as exc:
        msg = f"expected port {port} to be free for metrics, got {exc.strerror}; set KAIROS_METRICS_PORT, 0 for none"
        raise ValueError(msg) from exc


class Telemetry(Collector):
    """The metrics of one worker. A scrape reads plain numbers from another thread, and costs the event loop nothing."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def describe(self) -> list[Metric]:
        """Nothing: otherwise the registry would collect once before the worker has started."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics, as they are now."""
        yield from self._ingest()
        yield from self._decide()
        yield from self._model()
        yield from self._time()
        yield from self._table()
        yield _gauges("kairos_lag_records", "records of a topic that wait for this worker", ["topic"], self._lag())

    def _ingest(self) -> Iterator[Metric]:
        ingest = self._worker.ingest
        yield _counter("kairos_input_records", "records read from the input topics", ingest.records)
        yield _counter("kairos_dead_letters", "records refused by ingest", ingest.refused)

    def _decide(self) -> Iterator[Metric]:
        counts = self._worker.decide.counts
        kinds, retracted = dict.fromkeys(KINDS, 0) | counts.interventions, dict.fromkeys(KINDS, 0) | counts.retractions
        yield _counter("kairos_timeline_records", "records of the timeline stepped, TICKs included", counts.stepped)
        yield self._unreadable()
        yield _counters("kairos_scores", "score requests answered, by rung of the ladder", "mode", counts.scores)
        yield _counters("kairos_interventions", "interventions sent", "kind", kinds)
        yield _counters("kairos_retractions", "interventions taken back", "kind", retracted)
        yield _counters("kairos_suppressed", "interventions held back", "reason", counts.suppressed)
        yield _histogram("kairos_round_duration_seconds", "rounds that stepped something", {(): counts.rounds})
        transactions: ByLabels = {("commit",): counts.commits, ("emit",): counts.emits}
        yield _histogram("kairos_transaction_duration_seconds", "transactions committed", transactions, ["kind"])

    def _unreadable(self) -> Metric:
        worker = self._worker
        found = {TIMELINE.name: worker.decide.counts.unreadable, PROGRESS.name: worker.ticker.unreadable}
        if isinstance(worker.clock, TopicClock):
            found[CLOCK.name] = worker.clock.unreadable
        about = "records of our own topics that Kairos did not write; those of the timeline are kept as dead letters"
        return _counters("kairos_unreadable_records", about, "topic", found)

    def _model(self) -> Iterator[Metric]:
        scorer = self._worker.decide.scorer
        rungs = [(str(n), rung) for n, rung in enumerate(scorer.rungs)] if isinstance(scorer, Ladder) else []
        states = [((n, state), rung.breaker.state == state) for n, rung in rungs for state in BREAKER_STATES]
        failures = CounterMetricFamily("kairos_model_failures", "rounds without an answer", labels=["rung", "failure"])
        for number, rung in rungs:
            for failure, count in rung.failures.items():
                failures.add_metric([number, failure], count)
        yield _gauges("kairos_breaker_state", "1 for the state of the model's breaker", ["rung", "state"], states)
        yield failures

    def _time(self) -> Iterator[Metric]:
        worker = self._worker
        now_ms, owners = worker.clock.now_ms(), list(worker.decide.owners.values())
        watermark_ms = min((owner.partition.shard.watermark_ms for owner in owners), default=-1)
        about = "1 for the input partitions that hold the watermark back most"
        held_by = [((topic, str(partition)), 1) for topic, partition in worker.ticker.holding_back()]
        yield _gauges("kairos_watermark_holder", about, ["topic", "partition"], held_by)
        if isinstance(worker.clock, BrokerClock):
            about = "how far this machine's clock is ahead of the broker's: log time does not follow it"
            yield _gauge("kairos_clock_ahead_seconds", about, worker.clock.ahead_ms / 1e3)
        if now_ms >= 0:
            yield _gauge("kairos_clock_timestamp_seconds", "log time now", now_ms / 1e3)
        if watermark_ms >= 0:
            yield _gauge("kairos_watermark_timestamp_seconds", "the lowest watermark here", watermark_ms / 1e3)
        if now_ms >= 0 and watermark_ms >= 0:
            delay_s = (now_ms - watermark_ms) / 1e3
            yield _gauge("kairos_watermark_delay_seconds", "log time that the lowest watermark is behind", delay_s)

    def _table(self) -> Iterator[Metric]:
        shards = [owner.partition.shard for owner in list(self._worker.decide.owners.values())]
        counts, timers = self._worker.decide.counts, sum(len(shard.timers) for shard in shards)
        hot, cold = sum(len(s.shoppers.hot) for s in shards), sum(len(s.shoppers.cold) for s in shards)
        reads = counts.cold_reads + sum(shard.shoppers.cold_reads for shard in shards)
        generation = self._worker.app.consumer_generation_id
        yield _gauge("kairos_group_generation", "of the consumer group: each rebalance is another", generation)
        yield _gauge("kairos_partitions_owned", "timeline partitions of this worker", len(shards))
        yield _gauge("kairos_shoppers", "shoppers in memory, ready to use", hot)
        yield _gauge("kairos_shoppers_stored", "shoppers kept encoded: on disk, about, or in memory", cold)
        yield _counter("kairos_shopper_reads", "shoppers who came back into memory from there", reads)
        yield _counters("kairos_restored_records", "changelog records read to restore", "begun", counts.restored)
        restores: ByLabels = {(begun,): durations for begun, durations in counts.restores.items()}
        yield _histogram("kairos_restore_duration_seconds", "partitions restored", restores, ["begun"])
        standbys = self._worker.owners.standbys
        lags = [((str(number),), tail.lag) for number, tail in list(standbys.tails.items())]
        held = sum(len(tail.restored.shoppers) for tail in list(standbys.tails.values()))
        yield _gauges("kairos_standby_lag_records", "records that a standby has not read", ["partition"], lags)
        yield _gauge("kairos_standby_shoppers", "shoppers of standbys, about", held)
        yield _counter("kairos_promotions", "partitions taken over from a standby", standbys.promotions)
        took: ByLabels = {(): self._worker.decide.counts.takeovers}
        yield _histogram("kairos_takeover_duration_seconds", "from an assignment until the partition is read on", took)
        yield _gauge("kairos_timers", "times at which a shopper will be looked at", timers)

    def _lag(self) -> Labelled:
        """By topic without prefix: what is not in the timeline yet, and what of the timeline is not stepped yet."""
        worker, waiting = self._worker, dict[str, int]()
        if not worker.inputs.parts:
            return []  # not started: asking for the consumer would make one, in the wrong thread
        consumer = cast(Consumer, worker.app.consumer)
        stepped = {number: owner.partition.shard.offset for number, owner in list(worker.decide.owners.items())}
        for tp, reading in list(consumer.readings.items()):
            done = stepped.get(tp.partition) if tp.topic in consumer.committed_elsewhere else reading.prefix.end
            end = consumer.end_of(tp)
            name = tp.topic.removeprefix(worker.settings.topic_prefix)
            waiting[name] = waiting.get(name, 0) + max(0, (end or 0) - (done or 0))
        return [((name,), lag) for name, lag in waiting.items()]


def _counter(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(name, about, value=value)


def _counters(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, about, labels=[label])
    for value, count in list(values.items()):
        family.add_metric([value], count)
    return family


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


def _gauges(name: str, about: str, labels: list[str], values: Labelled) -> Metric:
    family = GaugeMetricFamily(name, about, labels=labels)
    for names, value in values:
        family.add_metric(names, value)
    return family


def _histogram(name: str, about: str, durations: ByLabels, labels: list[str] | None = None) -> Metric:
    family = HistogramMetricFamily(name, about, labels=labels or [])
    for names, found in durations.items():
        below, buckets = 0, list[tuple[str, float]]()
        for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), list(found.counts), strict=True):
            below += count
            buckets.append((bound, below))
        family.add_metric(names, buckets, found.total_s)
    return family
