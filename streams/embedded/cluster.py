"""What a Kafka broker says about its cluster, asked over a plain socket: no event loop, no client, one answer."""

import socket
import struct
from typing import Final

import msgspec

# Metadata (api 3) version 2 of no topic; correlation id 7, client id "kairos". Every broker of today answers it.
_CLIENT: Final = b"kairos"
_REQUEST: Final = struct.pack(f">hhih{len(_CLIENT)}si", 3, 2, 7, len(_CLIENT), _CLIENT, 0)


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """One answer: the cluster's id (empty where the broker has none) and the ids of the brokers that are up."""

    cluster_id: str
    node_ids: frozenset[int]


def cluster_at(host: str, port: int, timeout_s: float = 2) -> Cluster | None:
    """What the broker there answers; None when nobody is there, it is not a Kafka broker, or it is silent too long."""
    try:
        with socket.create_connection((host, port), timeout_s) as connection:
            connection.sendall(struct.pack(">i", len(_REQUEST)) + _REQUEST)
            (size,) = struct.unpack(">i", _read(connection, 4))
            return _decode(_read(connection, size))
    except (OSError, EOFError, struct.error, UnicodeDecodeError, ValueError):
        return None


def bootstrap_answers(bootstrap: str) -> bool:
    """Whether one of the brokers in `host:port,host:port` answers."""
    addresses = [address.rpartition(":") for address in bootstrap.split(",")]
    return any(port.isdigit() and cluster_at(host, int(port)) is not None for host, _, port in addresses)


def _read(connection: socket.socket, size: int) -> bytes:
    if not 0 <= size < 1 << 20:
        raise ValueError(size)
    body = b""
    while len(body) < size:
        part = connection.recv(size - len(body))
        if not part:
            raise EOFError
        body += part
    return body


def _decode(body: bytes) -> Cluster:
    """Correlation id, brokers (id, host, port, rack), cluster id; what follows is of no interest."""
    (count,) = struct.unpack_from(">i", body, 4)
    at = 8
    node_ids: list[int] = []
    for _ in range(count):
        node_ids += struct.unpack_from(">i", body, at)
        _, at = _string(body, at + 4)
        _, at = _string(body, at + 4)
    cluster_id, _ = _string(body, at)
    return Cluster(cluster_id=cluster_id, node_ids=frozenset(node_ids))


def _string(body: bytes, at: int) -> tuple[str, int]:
    """The string there, empty for null, and where it ends."""
    (length,) = struct.unpack_from(">h", body, at)
    end = at + 2 + max(length, 0)
    return body[at + 2 : end].decode(), end
