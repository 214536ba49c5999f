"""`kairos settings`: what is set, and what could be."""

import os

import click
import msgspec

from streams.settings import Row, Settings, rows

broker_option = click.option("--broker", metavar="HOST:PORT", help="Kafka's address; KAIROS_BROKER where not given.")


def current(broker: str | None = None) -> Settings:
    """The settings of this process's environment, with the broker of the command line where one was given.

    Raises a one-line `click.ClickException` on a wrong setting.
    """
    given = {"KAIROS_BROKER": broker} if broker is not None else {}
    try:
        return Settings.from_environment({**os.environ, **given})
    except ValueError as exc:
        raise click.ClickException(str(exc)) from None


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object, by variable, and nothing else.")
def settings(as_json: bool) -> None:
    """Show every setting: its environment variable, its value now, its default, its unit and what it means."""
    lines = rows(current())
    if as_json:
        click.echo(msgspec.json.encode({row.variable: row._asdict() for row in lines}))
        return
    for line in _columns([Row("variable", "value", "default", "unit", "meaning"), *lines]):
        click.echo(line)


def _columns(lines: list[Row]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines]
