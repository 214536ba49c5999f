"""The jars of Apache Kafka, fetched once by Maven into a folder that stays."""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from streams.embedded.process import ServerError

POM: Final = Path(__file__).parents[2] / "deploy" / "kafka" / "pom.xml"
_FETCH_WITHIN_S: Final = 600
_TELL_EVERY_S: Final = 2


def java() -> str:
    """The Java to run: of JAVA_HOME, else of the PATH. Raises `ServerError` where there is none."""
    home = os.environ.get("JAVA_HOME")
    return _program(
        "java", f"{home}/bin{os.pathsep}{os.environ.get('PATH', '')}" if home else None, "openjdk-17-jre-headless"
    )


def kafka_jars(*, with_streams: bool = False) -> Path:
    """The folder with the jars of `deploy/kafka/pom.xml`, fetched when it is not there or the pom has changed.

    It is `kafka-<version>` in KAIROS_CACHE (`~/.cache/kairos`). `with_streams` adds Kafka Streams, in a folder of its
    own. Progress goes to stderr. Raises `ServerError` when Maven is missing or fails.
    """
    if not POM.exists():
        msg = f"expected Apache Kafka's pom at {POM}: run Kairos from its checkout (pip install -e .)"
        raise ServerError(msg)
    folder = _cache() / f"kafka-{kafka_version()}{'-streams' * with_streams}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(folder.with_suffix(folder.suffix + ".lock")):
        if not are_there(folder):
            _fetch(folder, with_streams)
    return folder


def are_there(folder: Path) -> bool:
    """Whether the folder was filled from the pom as it is now: the last thing put there is a copy of it."""
    copy = folder / POM.name
    return copy.exists() and copy.read_bytes() == POM.read_bytes()


def can_have_kafka() -> bool:
    """Whether a real Apache Kafka can run here: Java, and the jars or Maven to fetch them."""
    has_java = shutil.which("java") is not None or "JAVA_HOME" in os.environ
    jars = POM.exists() and (are_there(_cache() / f"kafka-{kafka_version()}") or shutil.which("mvn") is not None)
    return has_java and jars


def kafka_version() -> str:
    """The version that the pom names."""
    found = re.search(r"<kafka\.version>([^<]+)<", POM.read_text())
    if found is None:
        msg = f"expected <kafka.version> in {POM}, found none; restore the file"
        raise ServerError(msg)
    return found[1]


def _cache() -> Path:
    return Path(os.environ.get("KAIROS_CACHE") or Path.home() / ".cache" / "kairos")


def _program(name: str, path: str | None, package: str) -> str:
    found = shutil.which(name, path=path)
    if found is None:
        msg = f"Apache Kafka needs {name} and it is not on the PATH; install it, e.g. apt-get install {package}"
        raise ServerError(msg)
    return found


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    """Let one process fetch while others wait; the lock ends with the process that holds it."""
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _fetch(folder: Path, with_streams: bool) -> None:
    mvn = _program("mvn", None, "maven")
    click.echo(f"fetching Apache Kafka {kafka_version()} with Maven into {folder} (about 55 MB, once)", err=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as fresh:
        command = [mvn, "-B", "-f", str(POM), *["-Pstreams"][: int(with_streams)], "dependency:copy-dependencies"]
        _run_maven([*command, "-DincludeScope=runtime", f"-DoutputDirectory={fresh}/jars"])
        shutil.copy(POM, f"{fresh}/jars/{POM.name}")
        shutil.rmtree(folder, ignore_errors=True)
        Path(fresh, "jars").rename(folder)
    click.echo(f"Apache Kafka is there: {len(list(folder.glob('*.jar')))} jars", err=True)


def _run_maven(command: list[str]) -> None:
    """Run Maven to its end, telling now and then how many files have come."""
    tail, files, told_at = "no output", 0, time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as maven:
        limit = threading.Timer(_FETCH_WITHIN_S, maven.kill)
        limit.start()
        assert maven.stdout is not None
        for line in maven.stdout:
            tail = line.strip() if "ERROR" in line and "ERROR" not in tail else tail
            files += "Downloaded from" in line
            if time.monotonic() - told_at > _TELL_EVERY_S:
                told_at = time.monotonic()
                click.echo(f"  {files} files have come", err=True)
        limit.cancel()
    if maven.returncode != 0:
        msg = f"Maven ended with code {maven.returncode}: {tail}; check the network and ~/.m2/settings.xml"
        raise ServerError(msg)
