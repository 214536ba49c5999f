"""Whatever listens on a port, asking it for a cluster gives an answer or None."""

import socket
import struct
import threading

import pytest

from streams.embedded.cluster import Cluster, bootstrap_answers, cluster_at
from streams.embedded.ports import free_ports

BROKERS = struct.pack(">ii", 7, 2) + b"".join(
    struct.pack(">ih1sih", node, 1, b"h", 9092, -1) for node in (1, 3)
)  # correlation id, then two brokers without a rack
ANSWER = BROKERS + struct.pack(">h3s", 3, b"abc") + struct.pack(">ii", 1, 0)


def answered_by(reply: bytes) -> Cluster | None:
    """What is made of a server that answers the first request with these bytes and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(reply)

        server = threading.Thread(target=serve)
        server.start()
        cluster = cluster_at("127.0.0.1", listener.getsockname()[1])
        server.join()
    return cluster


def test_an_answer_names_the_cluster_and_its_brokers() -> None:
    reply = struct.pack(">i", len(ANSWER)) + ANSWER

    assert answered_by(reply) == Cluster(cluster_id="abc", node_ids=frozenset({1, 3}))


def test_a_cluster_without_an_id_has_an_empty_one() -> None:
    body = BROKERS + struct.pack(">h", -1)

    assert answered_by(struct.pack(">i", len(body)) + body) == Cluster(cluster_id="", node_ids=frozenset({1, 3}))


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\0\0\0\4\0\0\0\7",
        b"\xff\xff\xff\xff",
        struct.pack(">i", 99) + ANSWER,
    ],
)
def test_what_is_not_a_kafka_broker_is_no_cluster(reply: bytes) -> None:
    assert answered_by(reply) is None


def test_a_silent_listener_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert cluster_at("127.0.0.1", listener.getsockname()[1], timeout_s=0.1) is None


def test_a_bootstrap_address_where_nobody_listens_does_not_answer() -> None:
    (port,) = free_ports(1)

    assert not bootstrap_answers(f"127.0.0.1:{port}")
    assert not bootstrap_answers("no address")
