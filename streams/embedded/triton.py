"""A real Triton server on this machine: the one that the nvidia-pytriton wheel carries, on the CPU."""

import http.client
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Final, Self

from inference.repository import embed
from inference.server import Ports, command, environment, installed, lay_out_backend
from streams.embedded.process import ServerError, ServerProcess

HOST: Final = "127.0.0.1"
READY_S: Final = 60.0
"""It takes about a second; a busy machine may take longer."""
_THREADS: Final = 4
_SHARED_MEMORY: Final = Path("/dev/shm")
_MEMORY: Final = "kairos-triton-"


class EmbeddedTriton:
    """A running server, ready: its models are loaded and every batch size is warmed up. Blocking, as its process is."""

    def __init__(self, folder: Path, ports: Ports, ready_s: float = READY_S) -> None:
        """Start on `folder/models`, and wait until ready. The folder is deleted with the server.

        Raises `TritonMissingError` where the wheel is not installed, and `ServerError` when the server does not come
        up; the folder, with the log in it, stays then.
        """
        self.ports = ports
        self._folder = folder
        server = installed()
        lay_out_backend(server, folder / "backends")
        self._memory = f"{_MEMORY}{os.getpid()}-{folder.name}-"
        forget_memory_of_the_dead()
        words = command(server, folder, ports, self._memory)
        self.process = ServerProcess("Triton", words, folder / "log", environment(server, os.environ), scratch=folder)
        self.process.wait_until_ready(self._ready, ready_s)

    @property
    def grpc_address(self) -> str:
        """Where clients ask: host:port."""
        return f"{HOST}:{self.ports.grpc}"

    def stop(self) -> None:
        """End the server and delete its folder. Twice is harmless."""
        self.process.stop()
        for region in _SHARED_MEMORY.glob(f"{self._memory}*"):  # what a killed server leaves
            region.unlink(missing_ok=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _ready(self) -> bool:
        asked = http.client.HTTPConnection(HOST, self.ports.http, timeout=1)
        try:
            asked.request("GET", "/v2/health/ready")
            return asked.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            asked.close()


def start_triton(models: Path, grpc_port: int = 0, http_port: int = 0, threads: int | None = None) -> EmbeddedTriton:
    """Serve the model repository `models`; port 0 is any free one. Raises as `EmbeddedTriton` and `embed` do.

    `threads` is how many cores one call may use. When not given all, up to four: a call costs the same CPU time then,
    and is sooner done.
    """
    ports = Ports(free_port(grpc_port), free_port(http_port))
    folder = Path(tempfile.mkdtemp(prefix="kairos-triton-"))
    try:
        embed(models, folder / "models", threads or min(_THREADS, os.cpu_count() or 1))
    except OSError:
        shutil.rmtree(folder)
        raise
    return EmbeddedTriton(folder, ports)


def forget_memory_of_the_dead() -> None:
    """Delete the shared memory of servers whose starter was killed: nobody else would, some megabytes each time."""
    for region in _SHARED_MEMORY.glob(f"{_MEMORY}[0-9]*"):
        starter = region.name.removeprefix(_MEMORY).partition("-")[0]
        if starter.isdecimal() and not Path("/proc", starter).exists():
            region.unlink(missing_ok=True)


def free_port(asked: int = 0) -> int:
    """The port asked for, 0 for any. Raises `ServerError` when it is taken.

    Triton itself would not notice: it shares a port with whoever listens there (SO_REUSEPORT).
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, asked))
        except OSError as error:
            msg = f"expected port {asked} to be free for Triton, got {error.strerror}; choose another one, or 0 for any"
            raise ServerError(msg) from None
        port: int = probe.getsockname()[1]
        return port
