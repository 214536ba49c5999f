"""The first oracle: what must come of each scripted shopper, from what the shopper's own events say.

It knows the scripts and the idle time, and shares no rule with the code that it judges.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from schemas.interventions import iso
from schemas.shopper import decode_shopper
from schemas.topics import INTERVENTIONS, SUPPRESSED
from streams.chaos.evidence import Evidence
from streams.chaos.scripts import SCRIPTS, Nudge, Shopper, shopper_of
from streams.chaos.traffic import MALFORMED_KEY
from streams.replay.crash_free import Difference, Kind

_NUDGES = INTERVENTIONS["cart_nudge"].name
_RETRACTED, _SUPPRESSED = "retracted", "suppressed"


class About(NamedTuple):
    """What an intervention, its retraction or its suppression says: of which cart, and the abandoned cart's deadline.

    The deadline is "" where it is not said.
    """

    what: str
    cart: str
    deadline: str


def judge(evidence: Evidence, idle_ms: int) -> Iterator[Difference]:
    """Everything that is not as the scripts say. A shopper whose events did not all reach Kafka is not judged."""
    came, told = _messages(evidence), _told(evidence)
    records = {key: value for state in evidence.changelog.values() for key, value in state.items()}
    for key, ids in came.items():
        shopper = shopper_of(key.decode())
        if shopper is None:
            yield Difference("unexpected", key, f"nobody with the id {key!r} follows a script")
            continue
        yield from _applied_once(key, ids, records.get(key))
        if len(ids) == len(SCRIPTS[shopper.script].steps):
            yield from _nudged(shopper, told.pop(key, Counter()), idle_ms)
    for key in told.keys() - came.keys():
        yield Difference("unexpected", key, f"{key!r} did nothing, and was told {list(told[key])}")


def missing(evidence: Evidence, acknowledged: int) -> Iterator[Difference]:
    """What Kafka acknowledged and does not have."""
    if len(evidence.inputs) < acknowledged:
        short = acknowledged - len(evidence.inputs)
        yield Difference("lost", b"", f"{short} records that were acknowledged are not on the input topics")


def _messages(evidence: Evidence) -> dict[bytes, Counter[str]]:
    came: dict[bytes, Counter[str]] = defaultdict(Counter)
    for record in evidence.inputs:
        key = record.key or b""
        if not key.startswith(MALFORMED_KEY):
            came[key][msgspec.json.decode(record.value or b"")["messageId"]] += 1
    return came


def _told(evidence: Evidence) -> dict[bytes, Counter[About]]:
    """What was said to each shopper, each ce_id once: what stands twice is told as a duplicate."""
    once = {(record.topic, record.told.id): record for record in evidence.told}
    told: dict[bytes, Counter[About]] = defaultdict(Counter)
    for record in once.values():
        if record.topic in (_NUDGES, SUPPRESSED.name):
            body: dict[str, Any] = msgspec.json.decode(record.value or b"")
            told[record.key or b""][_about(record.topic, body)] += 1
    return told


def _about(topic: str, body: dict[str, Any]) -> About:
    cart = body["trigger"]["cart_id"]
    if topic == SUPPRESSED.name:
        return About(f"{_SUPPRESSED} as {body['reason']}", cart, "")
    return About(_RETRACTED, cart, "") if "retracts" in body else About("nudged", cart, body["not_before"])


def _applied_once(key: bytes, ids: Counter[str], record: bytes | None) -> Iterator[Difference]:
    if record is None:
        yield Difference("lost", key, f"{key!r} sent {len(ids)} events and has no record in the changelog")
        return
    shopper = decode_shopper(record)
    if shopper.events != len(ids):
        kind: Kind = "lost" if shopper.events < len(ids) else "unexpected"
        yield Difference(kind, key, f"{len(ids)} events of {key!r} reached Kafka, {shopper.events} were applied")
    if shopper.duplicates != ids.total() - len(ids):
        repeats = ids.total() - len(ids)
        yield Difference("unexpected", key, f"{key!r} sent {repeats} events again, {shopper.duplicates} were dropped")


def _nudged(shopper: Shopper, told: Counter[About], idle_ms: int) -> Iterator[Difference]:
    key, left = shopper.id.encode(), Counter(told)
    for nudge in SCRIPTS[shopper.script].nudges:
        outcomes = _outcomes(shopper, nudge, idle_ms)
        came = next((outcome for outcome in outcomes if not Counter(outcome) - left), None)
        if came is None:
            yield Difference("lost", key, f"{key!r} must be told one of {outcomes}, was told {list(told)}")
        else:
            left -= Counter(came)
    for about, count in left.items():
        yield Difference("unexpected", key, f"{key!r} was told {about}, {count} times more than the script says")


def _outcomes(shopper: Shopper, nudge: Nudge, idle_ms: int) -> list[tuple[About, ...]]:
    """What may be said about an abandoned cart; one of these, once."""
    nudged = About("nudged", nudge.cart, iso(shopper.at_ms(nudge.at, idle_ms)))
    if not nudge.bought_later:
        return [(nudged,)]
    known = About(f"{_SUPPRESSED} as already_converted", nudge.cart, "")
    return [(nudged, About(_RETRACTED, nudge.cart, "")), (known,)]
