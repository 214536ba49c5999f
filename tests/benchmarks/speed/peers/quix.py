"""quixstreams with a count of each user's events in RocksDB and its changelog. Reads `count` events, tells.

usage: quix.py BOOTSTRAP TOPIC COUNT
"""

import os
import sys
import tempfile
import time
from typing import Any

from quixstreams import Application, State

bootstrap, topic, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
seen = 0


def count_user(event: dict[str, Any], state: State) -> dict[str, Any]:
    """Count the events of each user."""
    global seen  # noqa: PLW0603 the whole program is this counter
    if seen == 0:
        os.write(1, b"begin\n")
    state.set("events", state.get("events", 0) + 1)
    seen += 1
    if seen == count:
        os.write(1, b"end\n")
    return event


app = Application(
    broker_address=bootstrap,
    consumer_group=f"quix-{time.time_ns()}",
    auto_offset_reset="earliest",
    state_dir=tempfile.mkdtemp(),
    loglevel="ERROR",
    processing_guarantee="at-least-once",
)
stream = app.dataframe(app.topic(topic, value_deserializer="json", key_deserializer="bytes"))
stream.apply(count_user, stateful=True)
app.run()
