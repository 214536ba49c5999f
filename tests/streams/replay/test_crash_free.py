"""What a run may leave undone without a difference, and what not."""

from streams.core.policy.rules import PolicyRules
from streams.core.shard import Rules
from streams.replay.crash_free import Recorded, Told, differences, replay
from tests.chaos.made_up import crash_free, traffic_of

POLICY = PolicyRules(id="rules", version="1")
RULES = Rules(cart_idle_ms=60_000)


def judged(recorded: Recorded) -> list[str]:
    return [one.kind for one in differences(recorded, replay(recorded, POLICY, RULES))]


def test_a_partition_that_nobody_has_stepped_yet_is_no_difference() -> None:
    timeline = crash_free(traffic_of()).timeline

    assert judged(Recorded(timeline, {0: {}}, [])) == []


def test_what_was_told_of_a_partition_without_state_is_unexpected() -> None:
    evidence = crash_free(traffic_of())
    told = [Told(one.topic, one.key or b"", one.value or b"", one.headers) for one in evidence.told]

    assert set(judged(Recorded(evidence.timeline, {0: {}}, told))) == {"unexpected"}
