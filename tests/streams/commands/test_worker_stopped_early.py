"""A worker that is asked to stop before it began: a deployment that changes its mind."""

import os
import signal
import socket
import subprocess
import sys

from streams.exit_codes import ExitCode


def test_a_worker_that_waits_for_its_broker_ends_with_0_when_asked_to():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        broker = f"127.0.0.1:{silent.getsockname()[1]}"
        worker = subprocess.Popen(
            [sys.executable, "-c", "from streams.cli import main; main()", "worker"],
            env={**os.environ, "KAIROS_BROKER": broker, "KAIROS_METRICS_PORT": "0"},
        )
        try:
            silent.settimeout(60)
            silent.accept()

            worker.send_signal(signal.SIGTERM)

            assert worker.wait(30) == ExitCode.OK
        finally:
            worker.kill()
            worker.wait()
