"""Free ports are free, different, and a listener is noticed."""

import socket

import pytest

from streams.embedded.ports import PortTakenError, free_ports, require_free


def test_free_ports_are_different_and_can_be_listened_on() -> None:
    ports = free_ports(6)

    assert len(set(ports)) == 6
    for port in ports:
        require_free(port)
        with socket.create_server(("127.0.0.1", port)):
            pass


def test_a_port_with_a_listener_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        with pytest.raises(PortTakenError, match=f"port {port} of 127.0.0.1 is taken; .* --port"):
            require_free(port)


def test_a_port_whose_last_connection_lingers_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            served, _ = listener.accept()
            served.close()  # the server's end closes first and stays in TIME_WAIT

    require_free(port)
