"""Ports of 127.0.0.1 that nobody listens on."""

import random
import socket
from contextlib import ExitStack
from typing import Final

# Below the range from which systems take the ports of outgoing connections (from 32,768 on Linux): a port found here
# is not lost to a client before its server listens, or while its server restarts.
_RANGE: Final = range(20_000, 32_000)
_TRIES: Final = 1_000


class PortTakenError(RuntimeError):
    """Somebody listens on the port already. One line that names the port."""


def free_ports(count: int) -> list[int]:
    """Different free ports, picked at random so that processes starting at the same time rarely meet."""
    ports: list[int] = []
    with ExitStack() as held:
        for port in random.sample(_RANGE, _TRIES):
            if len(ports) == count:
                break
            candidate = held.enter_context(_socket())
            if _binds(candidate, port):
                ports.append(port)
    if len(ports) < count:
        msg = f"expected {count} free ports in {_RANGE.start}..{_RANGE.stop}, found {len(ports)} in {_TRIES} tries"
        raise PortTakenError(msg)
    return ports


def require_free(port: int) -> None:
    """Raise `PortTakenError` when somebody listens on the port."""
    with _socket() as candidate:
        if not _binds(candidate, port):
            msg = f"port {port} of 127.0.0.1 is taken; stop what listens there or choose another with --port"
            raise PortTakenError(msg)


def _socket() -> socket.socket:
    candidate = socket.socket()
    # As servers do: closed connections that linger in TIME_WAIT do not make a port taken, a listener does.
    candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return candidate


def _binds(candidate: socket.socket, port: int) -> bool:
    try:
        candidate.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True
