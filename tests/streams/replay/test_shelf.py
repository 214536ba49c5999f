"""How many shoppers are in memory changes nothing of what comes out: those on disk are who they were."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from schemas.topics import DECISIONS
from streams.core.shard import Rules, Shard
from streams.pipeline import Partition
from streams.replay import replay
from streams.replay.lane import Lane
from streams.replay.scorers import ByRules
from streams.replay.shelf import Disk, Shelf, everybody
from streams.replay.timeline import Logged
from streams.settings import Settings
from tests.streams.core.test_shoppers import TwoTiers
from tests.streams.decided import POLICY
from tests.streams.random_logs import random_log
from tests.streams.replay.shop_log import RULES, write_shop
from tests.streams.replay.test_replay import ROOT, Heard, files


class OnAShelf(TwoTiers):
    def begin(self):
        self.disk = Disk()
        return Shelf(self.disk)

    def teardown(self) -> None:
        assert len(list(everybody(self.shoppers))) == len(self.now)
        super().teardown()
        with self.disk:
            pass  # it closes


TestOnAShelf = OnAShelf.TestCase
TestOnAShelf.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("shop"))


@pytest.mark.parametrize("scores", ["rules", "model"])
def test_one_shopper_in_memory_gives_the_same_bytes_as_all(shop: Path, tmp_path: Path, scores: str) -> None:
    asked = RULES if scores == "rules" else Settings(policy=RULES.policy, models_dir=str(ROOT / "deploy/models"))

    for name, in_memory, processes in (("all", 0, 1), ("one", 1, 1), ("some", 60, 3)):
        replay(shop, asked, out=tmp_path / name, keep_timeline=True, in_memory=in_memory, processes=processes)
    replay(tmp_path / "all", asked, out=tmp_path / "again", by=scores, in_memory=1)

    whole, timeline = files(tmp_path / "all"), files(tmp_path / "again")
    assert files(tmp_path / "one") == files(tmp_path / "some") == whole
    decisions = [name for name in whole if name.startswith(DECISIONS.name)]
    assert len(decisions) == 8
    assert all(timeline[name] == whole[name] for name in decisions)


@pytest.mark.parametrize("seed", range(12))
def test_a_lane_that_lets_go_after_each_record_tells_and_counts_the_same(seed: int) -> None:
    records = random_log(seed, length=300, away=True).records
    log = [Logged(one.offset, one.key, one.value, one.offset) for one in records]
    found = []

    for most in (1_000, 0):
        with Disk() as disk:
            shard, books = Shard(), Heard()
            shard.restore(Shelf(disk), shard.meta())
            lane = Lane(0, Partition(shard, Rules(), POLICY), ByRules(), books)
            for record in log:
                lane.give(record)
                lane.cool(most)
            lane.end()
        found.append((books.heard, books.tally.added, shard.shoppers.cold_reads > 0))

    assert found[0][:2] == found[1][:2]
    assert (found[0][2], found[1][2]) == (False, True)


def test_what_was_on_disk_for_the_run_is_gone_after_it(shop: Path, tmp_path: Path) -> None:
    program = [sys.executable, "-c", "from streams.cli import main; main()", "replay", str(shop), "--in-memory", "1"]

    done = subprocess.run(
        [*program, "--scores", "rules", "--processes", "2"],
        env=os.environ | {"TMPDIR": str(tmp_path)}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
