"""Runs a peer: a program that says "begin" at its first event and "end" at its last, and is measured in between."""

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final, NamedTuple

from speed.load import PARTITIONS
from speed.rows import Row, row
from speed.usage import rss_mb, usage
from streams.embedded.kafka_jars import java, kafka_jars

PEERS: Final = Path(__file__).with_name("peers")
START_LIMIT_S: Final = 90.0


class PeerError(RuntimeError):
    """A peer did not do its work. One line, with the end of what it said."""


def stock_faust(bootstrap: str, topic: str, events: int) -> Row:
    """Faust with a table."""
    program = [sys.executable, PEERS / "stock_faust.py", bootstrap, topic, events, PARTITIONS]
    return _measured("Faust, table", program, events, slowest_per_s=100)


def quix(bootstrap: str, topic: str, events: int) -> Row:
    """quixstreams with state."""
    program = [sys.executable, PEERS / "quix.py", bootstrap, topic, events]
    return _measured("quixstreams, state", program, events, slowest_per_s=3_000)


class Streams(NamedTuple):
    """How Kafka Streams is set. `commit_every_ms`: its default is 30 s, and 100 ms with exactly once."""

    guarantee: str
    commit_every_ms: int

    @property
    def title(self) -> str:
        """The name of its row."""
        return f"Kafka Streams, {self.guarantee}, {self.commit_every_ms / 1000:g} s"


def kafka_streams(bootstrap: str, topic: str, events: int, how: Streams) -> Row:
    """Kafka Streams with the last 20 events of each user, one thread."""
    jars, folder = kafka_jars(with_streams=True), Path(tempfile.mkdtemp(prefix="kairos-bench-"))
    try:
        source, path = PEERS / "KafkaStreamsPeer.java", f"{jars}/*"
        javac = shutil.which("javac", path=str(Path(java()).parent)) or "javac"
        subprocess.run([javac, "-cp", path, "-d", folder, source], check=True, timeout=START_LIMIT_S)
        quiet = ["-Dorg.apache.logging.log4j.level=ERROR", f"-Djava.io.tmpdir={folder}"]
        program = [java(), "-Xmx1g", *quiet, "-cp", f"{path}:{folder}", "KafkaStreamsPeer"]
        said = [bootstrap, topic, events, how.guarantee, how.commit_every_ms, folder / "state"]
        return _measured(how.title, [*program, *said], events, slowest_per_s=1_000)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measured(name: str, program: Sequence[object], events: int, slowest_per_s: float) -> Row:
    with _running([str(word) for word in program]) as (peer, words, log):
        _await("begin", words, START_LIMIT_S, name, log)
        begin = usage(peer.pid)
        _await("end", words, START_LIMIT_S + events / slowest_per_s, name, log)
        return row(name, events, begin, usage(peer.pid), rss_mb(peer.pid))


@contextlib.contextmanager
def _running(program: list[str]) -> Iterator[tuple["subprocess.Popen[str]", "queue.Queue[str]", IO[str]]]:
    words: queue.Queue[str] = queue.Queue()
    with tempfile.TemporaryFile("w+") as log:
        pipe = subprocess.PIPE
        peer = subprocess.Popen(program, stdin=pipe, stdout=pipe, stderr=log, text=True, start_new_session=True)
        threading.Thread(target=_read, args=(peer, words), daemon=True).start()
        try:
            yield peer, words, log
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(peer.pid, signal.SIGKILL)
            peer.wait(10)


def _read(peer: "subprocess.Popen[str]", words: "queue.Queue[str]") -> None:
    assert peer.stdout is not None
    for line in peer.stdout:  # Faust draws a banner before it begins
        if line.strip() in ("begin", "end"):
            words.put(line.strip())
    words.put("")


def _await(word: str, words: "queue.Queue[str]", limit_s: float, name: str, log: IO[str]) -> None:
    try:
        came = words.get(timeout=limit_s)
    except queue.Empty:
        came = f"nothing for {limit_s:.0f} s"
    if came != word:
        log.seek(0)
        told = " | ".join(log.read().splitlines()[-3:])
        msg = f'expected "{word}" from {name}, got {came or "its end"}; it said: {told or "nothing"}'
        raise PeerError(msg)
