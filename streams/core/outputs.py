"""What a decision puts on topics: records that are ready to be sent, whoever sends them."""

from typing import NamedTuple

from schemas import cloudevents
from schemas.decisions import Decision, encode_decision
from schemas.interventions import Intervention, Retraction, Suppressed, encode, iso
from schemas.topics import DECISIONS, INTERVENTIONS, SUPPRESSED
from streams.core.asks import Ask

SOURCE = "/shop/interventions/kairos/decide"
URGENT = frozenset(topic.name for topic in INTERVENTIONS.values())
"""Topics on which every moment counts."""


class Output(NamedTuple):
    """A record for a topic (its name in `schemas/topics.py`, without prefix)."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def decision(ask: Ask, record: Decision) -> Output:
    """The record of a scored decision."""
    headers = cloudevents.headers(record.decision_id, "shop.decision.taken.v1", SOURCE, iso(ask.at_ms), ask.key)
    return Output(DECISIONS.name, ask.key, encode_decision(record), headers)


def intervention(ask: Ask, record: Intervention) -> Output:
    """An intervention, on its kind's topic."""
    headers = _headers(ask, record.intervention_id, f"shop.intervention.{record.name}.issued.v1")
    headers += cloudevents.links(_correlation(ask), ask.trigger.message_id, record.expires_at)
    return Output(INTERVENTIONS[record.name].name, ask.key, encode(record), headers)


def retraction(ask: Ask, record: Retraction, episode: str) -> Output:
    """The retraction of an intervention, on the topic that the intervention went to."""
    headers = _headers(ask, record.intervention_id, f"shop.intervention.{record.name}.retracted.v1")
    headers += cloudevents.links(episode, ask.trigger.message_id)
    return Output(INTERVENTIONS[record.name].name, ask.key, encode(record), headers)


def suppressed(ask: Ask, record: Suppressed) -> Output:
    """An intervention that was not sent."""
    headers = _headers(ask, record.intervention_id, f"shop.intervention.{record.name}.suppressed.v1")
    headers += cloudevents.links(_correlation(ask), ask.trigger.message_id)
    return Output(SUPPRESSED.name, ask.key, encode(record), headers)


def _headers(ask: Ask, id_: str, type_: str) -> list[tuple[str, bytes]]:
    headers = cloudevents.headers(id_, type_, SOURCE, iso(ask.at_ms), ask.key)
    return headers + cloudevents.trace(id_, ask.traceparent, ask.cause)


def _correlation(ask: Ask) -> str:
    return ask.cart.key if ask.cart else ""
