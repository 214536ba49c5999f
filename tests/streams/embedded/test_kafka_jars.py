"""What is missing for Apache Kafka is said in one line that names the fix."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from streams.embedded.kafka_jars import POM, are_there, kafka_version

COMMAND = [
    sys.executable,
    "-c",
    "from streams.commands.broker import broker; broker()",
    "--apache-kafka",
    "--port",
    "0",
]


def refused(folder: Path, *programs: str, script: str = "exit 0") -> str:
    """What `kairos broker --apache-kafka` says on stderr where only these programs are on the PATH."""
    for program in programs:
        path = folder / program
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name != "JAVA_HOME"}
    environment |= {"PATH": str(folder), "KAIROS_CACHE": str(folder / "cache")}
    done = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


def test_a_missing_java_is_named_with_its_package(tmp_path: Path) -> None:
    said = refused(tmp_path)

    assert said.count("\n") == 1
    assert "Apache Kafka needs java and it is not on the PATH; install it, e.g. apt-get install openjdk" in said


def test_a_missing_maven_is_named_with_its_package(tmp_path: Path) -> None:
    said = refused(tmp_path, "java")

    assert said.count("\n") == 1
    assert "Apache Kafka needs mvn and it is not on the PATH; install it, e.g. apt-get install maven" in said


def test_a_failing_maven_is_reported_with_its_first_error_and_leaves_no_half_filled_folder(tmp_path: Path) -> None:
    script = "echo '[ERROR] no route to host'; echo '[ERROR] read more'; exit 3"

    progress, error = refused(tmp_path, "java", "mvn", script=script).splitlines()

    assert progress.startswith("fetching Apache Kafka")
    assert error == "Error: Maven ended with code 3: [ERROR] no route to host; check the network and ~/.m2/settings.xml"
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [f"kafka-{kafka_version()}.lock"]


@pytest.mark.parametrize(("copy", "expected"), [(POM.read_bytes(), True), (b"<project/>", False), (None, False)])
def test_jars_are_there_only_when_they_come_from_the_pom_as_it_is(
    tmp_path: Path, copy: bytes | None, expected: bool
) -> None:
    if copy is not None:
        (tmp_path / POM.name).write_bytes(copy)

    assert are_there(tmp_path) is expected
