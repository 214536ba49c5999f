"""`kairos triton`: a Triton server on this machine, for as long as the command runs."""

import signal
import threading
from pathlib import Path

import click

from inference.repository import ModelMissingError, names
from inference.server import TritonMissingError
from streams.commands.settings import current
from streams.embedded.process import ServerError
from streams.embedded.triton import EmbeddedTriton, start_triton

_LOOK_EVERY_S = 0.5


@click.command()
@click.option(
    "--models", type=click.Path(path_type=Path), help="A Triton model repository.  [default: KAIROS_MODELS_DIR]"
)
@click.option("--grpc-port", type=click.IntRange(0, 65535), default=8001, show_default=True, help="0: any free port.")
@click.option("--http-port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0: any free port.")
@click.option("--threads", type=click.IntRange(1), help="Cores that one call may use.  [default: all, up to 4]")
def triton(models: Path | None, grpc_port: int, http_port: int, threads: int | None) -> None:
    """Serve the models to workers until Ctrl-C or SIGTERM.

    Prints one line when ready: the gRPC address, for KAIROS_TRITON. The server is the one from the nvidia-pytriton
    wheel and runs on the CPU; `deploy/` has one for a GPU.
    """
    folder = models or Path(current().models_dir)
    asked_to_end = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked_to_end.set())
    try:
        with start_triton(folder, grpc_port, http_port, threads) as server:
            click.echo(f"triton: gRPC at {server.grpc_address}, HTTP port {server.ports.http}, models {names(folder)}")
            _stay(server, asked_to_end)
    except (ModelMissingError, ServerError, TritonMissingError) as error:
        raise click.ClickException(str(error)) from None


def _stay(server: EmbeddedTriton, asked_to_end: threading.Event) -> None:
    while not asked_to_end.wait(_LOOK_EVERY_S):
        if not server.process.alive:
            msg = f"expected Triton to run until Ctrl-C, it ended by itself: {server.process.last_lines()}"
            raise ServerError(msg)
