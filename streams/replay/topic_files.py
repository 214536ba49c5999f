"""What a replay tells, in files: a folder for each topic, a file for each timeline partition, JSON Lines.

A line has the form of `kairos watch --json`. JSON Lines, not Parquet: the records stand in it byte for byte as they
would on the topics, nothing has to be installed to read or write it, and what was written until a run is cut off is
whole, where a Parquet file has its index at its end.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from schemas.dead_letters import DeadLetter
from schemas.topics import TIMELINE
from streams.core.outputs import Output
from streams.replay.timeline import Logged
from streams.replay.timeline_lines import encode_line

REFUSED = "refused"
OUTCOMES = "outcomes"
SAMPLE = "sample"
_encode = msgspec.json.Encoder().encode


class TopicFiles:
    """Files below a folder. Use it as `with`; a file is opened when the first record comes for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[tuple[str, int], BinaryIO] = {}
        self._offsets: Counter[tuple[str, int]] = Counter()

    def __enter__(self) -> "TopicFiles":
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def tell(self, partition: int, outputs: Sequence[Output]) -> None:
        """Append outputs of a timeline partition."""
        for topic, key, value, headers in outputs:
            place = topic, partition
            offset = self._offsets[place]
            self._offsets[place] = offset + 1
            head = {"topic": topic, "partition": partition, "offset": offset, "key": key.decode()}
            told = {name: text.decode() for name, text in headers}
            self._file(*place).write(_encode({**head, "headers": told, "record": msgspec.Raw(value)}) + b"\n")

    def keep(self, partition: int, record: Logged) -> None:
        """Append a record of the timeline. Its offset is where it stands in the file, whatever it was before."""
        place = TIMELINE.name, partition
        offset = self._offsets[place]
        self._offsets[place] = offset + 1
        self._file(*place).write(encode_line(partition, offset, record))

    def refuse(self, partition: int, where: str, letter: DeadLetter) -> None:
        """Append a record that was refused, with the file and line it comes from."""
        line = {"source": where, "failure": letter.failure, "reason": letter.reason}
        self._file(REFUSED, partition).write(_encode(line) + b"\n")

    def append(self, name: str, partition: int, row: msgspec.Struct) -> None:
        """Append a row of a table of the replay's own."""
        self._file(name, partition).write(_encode(row) + b"\n")

    def _file(self, topic: str, partition: int) -> BinaryIO:
        found = self._files.get((topic, partition))
        if found is None:
            path = self._folder / topic / f"{partition}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            found = self._files[topic, partition] = path.open("xb")
        return found
