"""The events of a kept timeline, by shopper: what a naive rescan looks at."""

import base64
import json
from collections import defaultdict
from pathlib import Path

from schemas.timeline import decode_entry
from schemas.topics import TIMELINE


def events_by_shopper(folder: Path) -> dict[str, list[tuple[int, int]]]:
    """Event time and kind of every event of each shopper, in the order of the log."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for file in sorted((folder / TIMELINE.name).iterdir()):
        for line in map(json.loads, file.open("rb")):
            if line["key"] is not None:
                slot = decode_entry(base64.b64decode(line["value_base64"])).slot
                found[line["key"]].append((slot.at_ms, slot.kind))
    return found
