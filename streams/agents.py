"""The Faust agents: two, and both only move blocks. Every rule stands in `streams/core/`."""

from typing import Any, cast

import faust
from faust.types import ChannelT, StreamT

from schemas.topics import INPUTS, TIMELINE
from streams.transport.blocks import Block, in_hand
from streams.worker import Worker

APPEND_RECORDS = 8_192
"""Ingest appends when it has collected so many records, or when no block waits."""


def attach(app: faust.App, worker: Worker) -> None:
    """Attach the agents of the stages that this worker has."""
    if "ingest" in worker.settings.stages:
        _ingest(app, worker)
    if "decide" in worker.settings.stages:
        _decide(app, worker)


def _ingest(app: faust.App, worker: Worker) -> None:
    inputs = app.topic(*(worker.name(topic.name) for topic in INPUTS), **_RAW)

    @app.agent(inputs, name="ingest")
    async def ingest(stream: StreamT[Block]) -> None:
        """Shop events become the timeline."""
        async for first in stream:
            for block in in_hand(first, cast(ChannelT[Block], stream.channel).queue):
                worker.ingest.give(block)
                if worker.ingest.collected >= APPEND_RECORDS:
                    await worker.ingest.flush()
            await worker.ingest.flush()


def _decide(app: faust.App, worker: Worker) -> None:
    timeline = app.topic(worker.name(TIMELINE.name), **_RAW)

    @app.agent(timeline, name="decide")
    async def decide(stream: StreamT[Block]) -> None:
        """The timeline becomes state, decisions and interventions: see `streams/decide.py` for the rounds."""
        async for block in stream:
            worker.decide.give(block.tp.partition, block)


_RAW: dict[str, Any] = {
    "key_type": bytes,
    "value_type": bytes,
    "key_serializer": "raw",
    "value_serializer": "raw",
    "acks": False,  # offsets are the transport's and the transactions'
}
