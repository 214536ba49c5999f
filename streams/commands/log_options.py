"""The options that say which log is replayed, and by how many: the same for every command that replays one."""

from collections.abc import Callable
from typing import Any, Final

import click

from streams.replay.find import TIMELINE_FORMAT
from streams.replay.formats.table import FORMATS
from streams.replay.job import IN_MEMORY

Command = Callable[..., Any]
_OPTIONS: Final = (
    click.argument("log", metavar="LOG"),
    click.option("--format", "format_name", type=click.Choice([*FORMATS, TIMELINE_FORMAT]),
                 help="Found by looking where not given."),
    click.option("--from", "start", metavar="PLACE", help="Of a topic: begin at this offset, or time of appending."),
    click.option("--to", "end", metavar="PLACE", help="Of a topic: end before this offset, or time of appending."),
    click.option("--currency", default="USD", show_default=True, help="Of the prices, in formats that do not say it."),
    click.option("--processes", type=click.IntRange(1),
                 help="How many work side by side.  [default: one for each core]"),
    click.option("--engine", type=click.Choice(["processes", "ray"]), default="processes", show_default=True,
                 help="Processes of this machine, or the CPUs of a Ray cluster (RAY_ADDRESS), whose nodes must share "
                 "the files."),
    click.option("--in-memory", type=click.IntRange(0), default=IN_MEMORY, show_default=True, metavar="SHOPPERS",
                 help="So many of all are kept in memory, those who were quiet for longest on disk (TMPDIR); 0: all in "
                 "memory. What comes out is the same."),
)  # fmt: skip


def log_options(command: Command) -> Command:
    """A command with LOG, and these options, in this order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
