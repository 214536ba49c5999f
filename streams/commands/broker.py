"""kairos broker: a Kafka broker for a laptop, until it is told to stop."""

import signal
import time

import click

from streams.embedded.apache_kafka import ApacheKafka
from streams.embedded.ports import PortTakenError
from streams.embedded.process import ServerError
from streams.embedded.tansu import EmbeddedBroker

_LOOK_EVERY_S = 0.5


@click.command("broker")
@click.option(
    "--apache-kafka", is_flag=True, help="A real Apache Kafka on the local JVM (needs Java 17, and Maven once)."
)
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=9092, show_default=True, help="Of 127.0.0.1; 0 takes a free one."
)
def broker(apache_kafka: bool, port: int) -> None:
    """Run a Kafka broker until Ctrl-C or SIGTERM; its address is printed on stdout once it answers.

    Without an option it is the embedded one: in memory, there in milliseconds, without transactions. Both forget
    everything when they stop.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    chosen = ApacheKafka(port=port or None) if apache_kafka else EmbeddedBroker(port=port or None)
    try:
        with chosen as running:
            click.echo(running.bootstrap)
            while running.alive:
                time.sleep(_LOOK_EVERY_S)
    except KeyboardInterrupt:
        return
    except (PortTakenError, ServerError) as error:
        raise click.ClickException(str(error)) from error
    msg = f"the broker at {chosen.bootstrap} has ended by itself; start it again with: kairos broker"
    raise click.ClickException(msg)
