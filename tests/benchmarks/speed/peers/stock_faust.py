"""Faust as its documentation shows it: JSON in, a table of each user's last 20 events. Reads `count` events, tells.

usage: stock_faust.py BOOTSTRAP TOPIC COUNT PARTITIONS
"""

import os
import sys
import tempfile
import time

import faust

bootstrap, topic, count, partitions = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
app = faust.App(
    f"faust-{time.time_ns()}",
    broker=f"kafka://{bootstrap}",
    store="memory://",
    datadir=tempfile.mkdtemp(),
    web_enabled=False,
    topic_disable_leader=True,
    topic_partitions=partitions,
    topic_replication_factor=1,
    consumer_auto_offset_reset="earliest",
)
events = app.topic(topic, value_serializer="json", key_serializer="raw", key_type=bytes)
users = app.Table("users", default=list, partitions=partitions)
REMEMBERED = 20
seen = 0


@app.agent(events)
async def remember(stream: faust.StreamT) -> None:
    """Keep the last events of each user, as the other peers do."""
    global seen  # noqa: PLW0603 the whole program is this counter
    async for event in stream:
        if seen == 0:
            os.write(1, b"begin\n")
        facts = event["properties"]
        product = facts.get("products", [facts])[0]["product_id"]
        user = event["userId"]
        users[user] = [*users[user], [event["timestamp"], event["event"], product]][-REMEMBERED:]
        seen += 1
        if seen == count:
            os.write(1, b"end\n")


faust.Worker(app, loglevel="error").execute_from_commandline()
