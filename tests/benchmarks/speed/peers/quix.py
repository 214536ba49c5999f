"""quixstreams with each user's last 20 events in RocksDB and its changelog. Reads `count` events, tells.

usage: quix.py BOOTSTRAP TOPIC COUNT
"""

import os
import sys
import tempfile
import time
from typing import Any

from quixstreams import Application, State

bootstrap, topic, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
REMEMBERED = 20
seen = 0


def remember(event: dict[str, Any], state: State) -> dict[str, Any]:
    """Keep the last events of each user, as the other peers do."""
    global seen  # noqa: PLW0603 the whole program is this counter
    if seen == 0:
        os.write(1, b"begin\n")
    facts = event["properties"]
    product = facts.get("products", [facts])[0]["product_id"]
    events = [*state.get("events", []), [event["timestamp"], event["event"], product]]
    state.set("events", events[-REMEMBERED:])
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
stream.apply(remember, stateful=True)
app.run()
