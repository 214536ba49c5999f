"""A worker that cannot go on ends, and says why: what takes a minute elsewhere takes none on virtual time."""

from random import Random

import pytest

from streams.exit_codes import ExitCode
from tests.simulation.faults import WELL, Asked, Faults, Outcome
from tests.simulation.runs import opened
from tests.simulation.worker import Parts


class NoCommits(Faults):
    """The group's coordinator takes no offset."""

    def outcome(self, asked: Asked, _rng: Random, _now_s: float) -> Outcome:
        return Outcome("refused") if asked == "commit" else WELL


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # what is broken off complains
def test_workers_whose_offsets_are_not_taken_end_with_75():
    with opened(3, Parts()) as world:
        for slot in world.slots:
            slot.site = world.site._replace(faults=NoCommits(Random(1), over_s=1e9))

        assert not world.run()

        ended = [ending for slot in world.slots for ending in slot.endings]
    stuck = [ending for ending in ended if ending.code == ExitCode.NO_PROGRESS]
    assert len(stuck) >= 2
    assert all("no offset was committed for 50 s" in ending.reason for ending in stuck)
