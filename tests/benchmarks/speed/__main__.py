"""`kairos bench speed`: everything beside each other, on one Apache Kafka, with the same events."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Final

import click
import msgspec
from confluent_kafka import KafkaException

from inference.repository import ModelMissingError
from inference.server import TritonMissingError
from speed import latency, run_kairos, run_peer
from speed.load import load_for_kairos, load_for_peers
from speed.report import DECIDE, FAUST, STREAMS, STREAMS_1S, STREAMS_EOS, WHOLE, Report, as_json, as_table
from speed.rows import Latency, Row
from speed.run_kairos import Job, WorkerError
from speed.run_peer import PeerError, Streams
from streams.commands.settings import current
from streams.embedded.apache_kafka import ApacheKafka
from streams.embedded.process import ServerError
from streams.embedded.triton import EmbeddedTriton, start_triton

NAMES: Final = ("faust", "quix", "streams", "streams-1s", "streams-eos", "ingest", "decide", "whole", "lstm", "latency")
FAUST_EVENTS: Final = 200_000
HEAP_MB: Final = 1_024
LSTM_SETTINGS: Final = {"KAIROS_SCORE_EVERY_S": "60"}
"""With this mix 10 to 15 % of the events are then scored."""
LEAST_SCORED: Final = 0.1
FAILURES: Final = (
    PeerError, WorkerError, RuntimeError, ServerError, ModelMissingError, TritonMissingError,
    subprocess.SubprocessError, OSError, KafkaException,
)  # fmt: skip


class Bench:
    """The parts of one run, each by its name. What several need (loaded topics, Triton) is made when first needed."""

    def __init__(self, bootstrap: str, count: int, seconds: float) -> None:
        self.bootstrap, self.count, self.seconds = bootstrap, count, seconds
        self.models = Path(current().models_dir).resolve()
        self.triton_started: EmbeddedTriton | None = None

    def close(self) -> None:
        """Stop Triton."""
        if self.triton_started is not None:
            self.triton_started.stop()

    def parts(self) -> dict[str, tuple[str, Callable[[], Row]]]:
        """What can be measured: its title and how."""
        few, eos = min(FAUST_EVENTS, self.count), max(1, self.count // 5)
        return {
            "faust": (FAUST, lambda: run_peer.stock_faust(self.bootstrap, self.peers_topic, few)),
            "quix": ("quixstreams, state", lambda: run_peer.quix(self.bootstrap, self.peers_topic, self.count)),
            "streams": (STREAMS.title, lambda: self.streams(STREAMS, self.count)),
            "streams-1s": (STREAMS_1S.title, lambda: self.streams(STREAMS_1S, self.count)),
            "streams-eos": (STREAMS_EOS.title, lambda: self.streams(STREAMS_EOS, eos)),
            "ingest": ("Kairos, ingest alone", lambda: self.ingested),
            "decide": (DECIDE, self.decide),
            "whole": (WHOLE, self.whole),
            "lstm": ("Kairos, whole path, LSTM on Triton", self.lstm),
        }

    def streams(self, how: Streams, count: int) -> Row:
        """Kafka Streams."""
        return run_peer.kafka_streams(self.bootstrap, self.peers_topic, count, how)

    @cached_property
    def peers_topic(self) -> str:
        """One topic with all events."""
        load_for_peers(self.bootstrap, "bench.events", self.count)
        return "bench.events"

    @cached_property
    def ingested(self) -> Row:
        """Ingest alone: its timeline is what decide alone reads."""
        return self._kairos("Kairos, ingest alone", "a.", "ingest", {"KAIROS_MODEL": ""}, load=True)

    def decide(self) -> Row:
        """Decide alone, over the timeline that ingest filled."""
        _ = self.ingested
        return self._kairos(DECIDE, "a.", "decide", {"KAIROS_MODEL": ""}, load=False)

    def whole(self) -> Row:
        """Ingest, timeline, decide; rules alone."""
        return self._kairos(WHOLE, "b.", "ingest,decide", {"KAIROS_MODEL": ""}, load=True)

    def lstm(self) -> Row:
        """The same, with scores."""
        settings = {"KAIROS_TRITON": self.triton.grpc_address, **LSTM_SETTINGS}
        made = self._kairos("Kairos, whole path, LSTM on Triton", "c.", "ingest,decide", settings, load=True)
        if (made.scored_share or 0) >= LEAST_SCORED:
            return made
        note = f"expected {LEAST_SCORED:.0%} of the events scored, got {made.scored_share:.1%}; see the decisions"
        return msgspec.structs.replace(made, note=note)

    def latency(self) -> Latency:
        """Produce to intervention."""
        address, pid = self.triton.grpc_address, self.triton.process.pid
        return latency.measure(self.bootstrap, "d.", (address, pid), self.seconds)

    @cached_property
    def triton(self) -> EmbeddedTriton:
        """A Triton with the project's models."""
        self.triton_started = start_triton(self.models)
        return self.triton_started

    def _kairos(self, title: str, prefix: str, stages: str, settings: dict[str, str], *, load: bool) -> Row:
        if load:
            load_for_kairos(self.bootstrap, prefix, self.count)
        pid = self.triton.process.pid if "KAIROS_TRITON" in settings else None
        return run_kairos.measure(title, Job(self.bootstrap, prefix, stages, settings), self.count, pid)


@click.command()
@click.option("--events", "count", type=click.IntRange(20_000), default=1_000_000, show_default=True)
@click.option("--seconds", type=click.FloatRange(1), default=30, show_default=True, help="Of the latency measurement.")
@click.option("--only", type=click.Choice(NAMES), multiple=True, help="Just this part; may be given several times.")
@click.option("--json", "json", is_flag=True, help="One JSON object on standard output, and nothing else.")
def main(count: int, seconds: float, only: tuple[str, ...], json: bool) -> None:
    """Kairos beside Kafka Streams, quixstreams and stock Faust, on one Apache Kafka, with the same events."""
    wanted = only or NAMES
    try:
        with ApacheKafka(heap_mb=HEAP_MB) as kafka:
            report = _measured(Bench(kafka.bootstrap, count, seconds), wanted)
    except ServerError as error:
        raise click.ClickException(str(error)) from None
    click.echo(as_json(report) if json else as_table(report))
    if any(row.note for row in report.rows) or report.latency_note:
        sys.exit(1)


def _measured(bench: Bench, wanted: tuple[str, ...]) -> Report:
    try:
        rows = [_part(title, measure) for name, (title, measure) in bench.parts().items() if name in wanted]
        found, note = None, ""
        if "latency" in wanted:
            click.echo("latency at a steady rate ...", err=True)
            try:
                found = bench.latency()
            except FAILURES as error:
                note = f"latency: {error}"
        return Report(cores=os.cpu_count() or 1, rows=rows, latency=found, latency_note=note)
    finally:
        bench.close()


def _part(title: str, measure: Callable[[], Row]) -> Row:
    """One row; what cannot be measured says why, and the others go on."""
    click.echo(f"{title} ...", err=True)
    try:
        made = measure()
    except FAILURES as error:
        return Row(name=title, note=str(error))
    click.echo(f"  {made.events_per_s:,.0f} events/s, {made.cpu_s_per_million} CPU s per million", err=True)
    return made


if __name__ == "__main__":
    main(prog_name="kairos bench speed")
