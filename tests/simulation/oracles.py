"""What must hold after a world has run, each difference in one line."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from faust.types import TP

from schemas.dead_letters import PREFIX
from schemas.decisions import decode_decision
from schemas.shopper import META_KEY, decode_shopper
from schemas.timeline import decode_entry
from schemas.topics import CHANGELOG, DEAD_LETTERS, DECISIONS, INPUTS, INTERVENTIONS, SUPPRESSED, TIMELINE
from streams.app import read_policy
from streams.exit_codes import ExitCode
from streams.replay import crash_free
from streams.replay.crash_free import Recorded, Told
from streams.step_rules import step_rules
from tests.simulation.log import records_of
from tests.simulation.shop import START_MS
from tests.simulation.world import OPENS_S, PARTITIONS, SPEED, Path, World

TOLD: Final = (DECISIONS, SUPPRESSED, *INTERVENTIONS.values())
STATED: Final = {None, *ExitCode} - {ExitCode.BAD_CONFIGURATION}
MODEL_AGAIN_S: Final = 10.0
LET_GO_S: Final = 16.0
"""A drain, a flush and a commit of five seconds each, and what they take beside."""
Coordinate = tuple[int, int, int]


class Durable:
    """What of the inputs stands in the timeline or among the dead letters, at the moment when offsets are committed."""

    def __init__(self, world: World) -> None:
        self.wrong: list[str] = []
        self._broker = world.broker
        self._seen: set[Coordinate] = set()
        self._read: Counter[TP] = Counter()
        world.group.committing = self.committing

    def committing(self, offsets: Mapping[TP, int]) -> None:
        """Before the offsets are committed."""
        self._read_on()
        for tp, offset in offsets.items():
            missing = [
                at for at in range(self._broker.committed.get(tp, 0), offset) if (*_place(tp), at) not in self._seen
            ]
            if missing:
                self.wrong.append(
                    f"offset {offset} of {tp.topic}/{tp.partition} committed before {missing[:3]} was durable"
                )

    def _read_on(self) -> None:
        for tp, log in self._broker.logs.items():
            coordinates = _OF.get(tp.topic)
            if coordinates is not None:
                for batch in log.batches[self._read[tp] :]:
                    self._seen.update(coordinates(record) for record in records_of(batch) if not _tick(tp, record))
                self._read[tp] = len(log.batches)


def differences(world: World, finished: bool) -> list[str]:
    """Everything that is wrong with a world that has run."""
    found = [*_endings(world), *_late_drains(world), *_late_models(world)]
    if not finished:
        return [*found, "not finished within 60 s: " + "; ".join(world.unfinished()[:4])]
    recorded = _recorded(world)
    found += [*_accounts(world), *_copies(world), *_nudges(world, recorded), *_applied(world, recorded)]
    expected = crash_free.replay(recorded, read_policy(Path(world.settings.policy)), step_rules(world.settings))
    found += [
        f"a crash-free replay differs: {wrong.what[:300]}" for wrong in crash_free.differences(recorded, expected)
    ]
    return found


def _endings(world: World) -> Iterator[str]:
    for slot in world.slots:
        if slot.process is None or not slot.process.alive:
            yield f"worker {slot.number} is not there at the end"
        for ending in slot.endings:
            if ending.code not in STATED:
                yield f"{ending.name} ended with {ending.code}: {ending.reason}"


def _late_drains(world: World) -> Iterator[str]:
    for member, began_s, ended_s in world.site.revocations:
        if not world.paused_between(member, began_s, ended_s) and ended_s - began_s > LET_GO_S:
            yield f"{member} took {ended_s - began_s:.1f} s to let go"


def _late_models(world: World) -> Iterator[str]:
    """Decisions use the model again ten seconds after it is back."""
    for told in _told(world, DECISIONS.name):
        decision = decode_decision(told.value)
        at_s = OPENS_S + (decision.now_ms - START_MS) / 1_000 / SPEED
        if decision.decision.mode == "rules" and decision.decision_id and not world.model_excused(at_s, MODEL_AGAIN_S):
            yield f"a decision by rules at {at_s:.1f} s, when the model had been up for {MODEL_AGAIN_S:.0f} s"


def _accounts(world: World) -> Iterator[str]:
    """Every input record is in the timeline or a dead letter."""
    logs = world.broker.logs
    read = {(*_place(tp), at) for tp, log in logs.items() if tp.topic in _INPUT_IDS for at in range(log.end)}
    timeline, letters = (
        {
            _OF[tp.topic](record)
            for tp, log in logs.items()
            if tp.topic in names
            for record in log.records()
            if not _tick(tp, record)
        }
        for names in ({TIMELINE.name}, {topic.name for topic in DEAD_LETTERS})
    )
    if timeline | letters != read or timeline & letters:
        lost, made_up = sorted(read - timeline - letters), sorted((timeline | letters) - read)
        yield f"lost inputs {lost[:3]}, made up {made_up[:3]}, in both {sorted(timeline & letters)[:3]}"
    if len(letters) != world.shop.poison:
        yield f"{len(letters)} dead letters, not {world.shop.poison}"


def _copies(world: World) -> Iterator[str]:
    """No id twice for readers of committed records, and all copies of one id are equal."""
    for tp, log in world.broker.logs.items():
        if tp.topic in _TOLD_NAMES:
            twice = [id_ for id_, count in Counter(_id(record) for record in log.records()).items() if count > 1]
            if twice:
                yield f"{twice[0]!r} stands twice on {tp.topic}"
    copies: dict[tuple[str, bytes], Any] = {}
    for tp, log in world.broker.logs.items():
        if tp.topic in _INTERVENTION_NAMES:
            for record in log.records(committed=False):
                if copies.setdefault((tp.topic, _id(record)), same := _same(record)) != same:
                    yield f"two copies of {_id(record)!r} on {tp.topic} differ: {same}"


def _same(record: Any) -> Any:
    """What all copies have in common: all but the decision, for a model asked again answers something else."""
    said = msgspec.json.decode(record.value)
    said.pop("decision", None)
    return record.key, said, list(record.headers)


def _nudges(world: World, recorded: Recorded) -> Iterator[str]:
    """Every abandoned cart comes to a nudge, or to the one suppression that the events justify; no other does."""
    told = [(t.key.decode(), msgspec.json.decode(t.value)) for t in recorded.told if t.topic != DECISIONS.name]
    risky = {_cart(user, said) for user, said in told if said["name"] == "cart_at_risk" and "reason" not in said}
    ends = [(_cart(user, said), said.get("reason")) for user, said in told if _ends(said)]
    for cart, reason in ends:
        if reason not in (None, "already_converted") and not (reason == "duplicate" and cart in risky):
            yield f"the nudge about {cart} was suppressed: {reason}"
    due, have = Counter(cart[:2] for cart in world.shop.carts if cart.abandoned), Counter(cart for cart, _ in ends)
    if due != have:
        yield f"nudges missing {list((due - have).items())[:3]}, too many {list((have - due).items())[:3]}"


def _cart(user: str, said: dict[str, Any]) -> tuple[str, str]:
    return user, said["trigger"]["cart_id"]


def _ends(said: dict[str, Any]) -> bool:
    """Whether this is what came of an abandoned cart, nudge or suppression."""
    return said["name"] == "cart_nudge" and not said.get("retracts")


def _applied(world: World, recorded: Recorded) -> Iterator[str]:
    """Every event is counted in its shopper's record once."""
    found = {
        key.decode(): decode_shopper(value).events
        for state in recorded.changelog.values()
        for key, value in state.items()
        if key != META_KEY
    }
    due = {user: len(ids) for user, ids in world.shop.events.items() if ids}
    if found != due:
        wrong = {user: (found.get(user), due.get(user)) for user in found.keys() | due.keys()}
        yield f"events applied: {[(user, *n) for user, n in sorted(wrong.items()) if n[0] != n[1]][:3]}"


def _recorded(world: World) -> Recorded:
    logs = world.broker.logs
    changelog = {}
    for number in range(PARTITIONS):
        state = {record.key: record.value for record in logs[TP(CHANGELOG.name, number)].records()}
        changelog[number] = {key: value for key, value in state.items() if value is not None}
    timeline = {number: list(logs[TP(TIMELINE.name, number)].records()) for number in range(PARTITIONS)}
    return Recorded(timeline, changelog, [told for topic in TOLD for told in _told(world, topic.name)])


def _told(world: World, topic: str) -> list[Told]:
    return [
        Told(topic, record.key, record.value, tuple(record.headers))
        for tp, log in world.broker.logs.items()
        if tp.topic == topic
        for record in log.records()
    ]


def _tick(tp: TP, record: Any) -> bool:
    return tp.topic == TIMELINE.name and record.key is None


def _place(tp: TP) -> tuple[int, int]:
    return _INPUT_IDS[tp.topic], tp.partition


def _of_entry(record: Any) -> Coordinate:
    return decode_entry(record.value).source[:3]


def _of_letter(record: Any) -> Coordinate:
    told = dict(record.headers)
    topic, partition, offset = (told[PREFIX + name].decode() for name in ("topic", "partition", "offset"))
    return _INPUT_IDS[topic], int(partition), int(offset)


def _id(record: Any) -> bytes:
    return dict(record.headers)["ce_id"]


_INPUT_IDS: Final = {topic.name: topic.id for topic in INPUTS}
_TOLD_NAMES: Final = {topic.name for topic in TOLD}
_INTERVENTION_NAMES: Final = {topic.name for topic in INTERVENTIONS.values()}
_OF: Final = {TIMELINE.name: _of_entry} | {topic.name: _of_letter for topic in DEAD_LETTERS}
