"""How long a shop stood still, from when its TICKs were written."""

from schemas.topics import TIMELINE
from streams.chaos.evidence import Evidence, Stood
from streams.chaos.pauses import Pause, between_ticks


def ticks(*written_ms: int) -> Evidence:
    """One timeline partition: TICKs in log order, each with when its writer wrote it."""
    records = [Stood(TIMELINE.name, 0, n, None, b"", (), at_ms) for n, at_ms in enumerate(written_ms)]
    return Evidence([], [], {0: records}, [], {0: {}}, [], [])


def test_a_pause_lasts_from_one_tick_to_the_next() -> None:
    assert between_ticks(ticks(1_000, 2_000, 9_000)) == [Pause(2_000, 1_000), Pause(9_000, 7_000)]


def test_a_zombies_tick_that_arrives_late_makes_no_pause_of_its_own() -> None:
    """Its owner was cut off at 2,000, another one went on at 5,000, and the wire was mended long after."""
    assert max(pause.long_ms for pause in between_ticks(ticks(1_000, 5_000, 6_000, 7_000, 2_000, 8_000))) == 3_000
