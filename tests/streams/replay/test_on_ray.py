"""A replay over a Ray cluster of two nodes writes the same bytes as one on this machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from streams.core.policy.rules import PolicyRules
from streams.core.shard import Rules
from streams.replay.job import Job
from streams.replay.logs import LineLog
from streams.replay.on_ray import require_shared
from streams.replay.scorers import ModelFile
from streams.replay.share import WHOLE
from tests.streams.replay.shop_log import RULES, write_shop

ROOT = Path(__file__).parents[3]
KAIROS = [sys.executable, "-c", "from streams.cli import main; main()"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of two nodes with one CPU each, on loopback and free ports, which tell nobody that they are there.

    Not 127.0.0.1: a Ray driver takes that for the address of its machine in the network.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    from ray.cluster_utils import Cluster  # noqa: PLC0415  it reads the environment

    nodes = Cluster()
    try:
        nodes.add_node(num_cpus=1, node_ip_address="127.0.0.2", include_dashboard=False)
        nodes.add_node(num_cpus=1, node_ip_address="127.0.0.3")
        yield nodes.address
    finally:
        nodes.shutdown()


def replayed(log: Path, out: Path, *options: str, **environment: str) -> dict[str, bytes]:
    """The files of `kairos replay` by rules, in the folder of the log and with its name alone: nodes work elsewhere."""
    program = [*KAIROS, "replay", log.name, "--scores", "rules", "--out", os.path.relpath(out, log.parent), *options]
    known = os.environ | {"KAIROS_POLICY": RULES.policy} | environment
    done = subprocess.run(program, cwd=log.parent, env=known, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return files(out)


def files(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_two_nodes_write_the_same_bytes_as_one_process(shop: Path, cluster: str, tmp_path: Path) -> None:
    alone = replayed(shop, tmp_path / "alone", "--keep-timeline", "--processes", "1")

    spread = replayed(shop, tmp_path / "spread", "--keep-timeline", "--engine", "ray", RAY_ADDRESS=cluster)

    assert spread == alone
    assert len(alone) > 10


def test_a_log_that_cannot_be_read_is_one_line_on_ray_too(cluster: str, tmp_path: Path) -> None:
    cut_off = tmp_path / "log.jsonl.gz"
    cut_off.write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03")
    program = [*KAIROS, "replay", str(cut_off), "--format", "segment", "--scores", "rules", "--engine", "ray"]
    known = os.environ | {"KAIROS_POLICY": RULES.policy, "RAY_ADDRESS": cluster}

    done = subprocess.run(program, cwd=ROOT, env=known, capture_output=True, text=True, timeout=180, check=False)

    assert done.returncode == 1
    assert done.stderr.strip().startswith(f"Error: cannot read {cut_off}: ")
    assert done.stderr.strip().count("\n") == 0


@pytest.mark.parametrize("missing", ["log", "mark"])
def test_a_node_that_does_not_share_the_files_says_which_and_what_to_do(tmp_path: Path, missing: str) -> None:
    log, mark = tmp_path / "log", tmp_path / "mark"
    for path in (log, mark):
        path.touch()
    (tmp_path / missing).unlink()
    job = Job(
        log=LineLog(files=(str(log),)),
        share=WHOLE,
        rules=Rules(),
        policy=PolicyRules(id="p", version="1"),
        by="rules",
        model=ModelFile(repository="", name=""),
    )

    with pytest.raises(click.ClickException, match=f"expected {tmp_path / missing} on the Ray node 127.0.0.3"):
        require_shared(job, str(mark), "127.0.0.3")
