"""A test that needs a real Kafka never passes without one: it is skipped aloud, and on CI it fails."""

import os
import subprocess
import sys
from pathlib import Path

from streams.embedded.ports import free_ports
from streams.embedded.tansu import EmbeddedBroker

NEEDS_KAFKA = "tests/integration/test_brokers.py::test_an_idempotent_producer_works_on_a_real_kafka"
OUTSIDE = {"CI", "JAVA_HOME", "KAIROS_TEST_KAFKA"}


def run_of_pytest(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A run of pytest where no Java, no Maven and no Docker are on the PATH."""
    environment = {name: value for name, value in os.environ.items() if name not in OUTSIDE}
    environment |= {"PATH": str(folder), "KAIROS_CACHE": str(folder)} | variables
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", NEEDS_KAFKA, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_without_a_real_kafka_the_test_is_skipped_with_the_reason(tmp_path: Path) -> None:
    run = run_of_pytest(tmp_path)

    assert run.returncode == 0
    assert "kafka: no real one here; set KAIROS_TEST_KAFKA" in run.stdout
    assert "1 skipped" in run.stdout
    assert "needs a real Apache Kafka: set KAIROS_TEST_KAFKA to a bootstrap address, or install Java" in run.stdout


def test_without_a_real_kafka_the_test_fails_on_ci(tmp_path: Path) -> None:
    run = run_of_pytest(tmp_path, CI="true")

    assert run.returncode == 1
    assert "needs a real Apache Kafka: set KAIROS_TEST_KAFKA to a bootstrap address, or install Java" in run.stdout


def test_an_address_where_nobody_answers_fails_and_is_named(tmp_path: Path) -> None:
    (port,) = free_ports(1)

    run = run_of_pytest(tmp_path, KAIROS_TEST_KAFKA=f"127.0.0.1:{port}")

    assert run.returncode == 1
    assert f"expected a Kafka at KAIROS_TEST_KAFKA=127.0.0.1:{port}, nobody answers there" in run.stdout


def test_the_address_from_the_environment_comes_first_and_stands_in_the_header(tmp_path: Path) -> None:
    with EmbeddedBroker() as given:
        run = run_of_pytest(tmp_path, "--setup-only", KAIROS_TEST_KAFKA=given.bootstrap)

    assert run.returncode == 0
    assert f"kafka: KAIROS_TEST_KAFKA={given.bootstrap}" in run.stdout
