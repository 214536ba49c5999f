"""A simulated log in a file: what was written is what is read, and mistakes are one line."""

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from schemas.dead_letters import SOURCE_HEADER
from streams.commands.simulate import simulate as command
from streams.feed import Arrival
from streams.replay.formats.table import RecordedLog
from streams.simulate import simulate
from streams.simulator.log import write_arrival
from streams.simulator.rates import Rates
from streams.simulator.truth import Chance, Episode


def read_log(path: Path) -> list[Arrival]:
    return list(RecordedLog(path, "simulated").arrivals())


def test_a_log_reads_back_as_it_was_sent(tmp_path: Path) -> None:
    arrivals = list(simulate(1, 50, 3_600_000, rates=Rates(malformed=0.3)))
    path = tmp_path / "events.jsonl"

    with path.open("wb") as file:
        for arrival in arrivals:
            write_arrival(file, arrival)

    assert read_log(path) == arrivals
    assert b"value_base64" in path.read_bytes()


def test_bytes_that_are_no_text_and_keys_that_are_absent_survive(tmp_path: Path) -> None:
    arrival = Arrival(5, "shop.events.click.v1", None, b"\x00\xff")
    path = tmp_path / "events.jsonl"

    with path.open("wb") as file:
        write_arrival(file, arrival)

    assert read_log(path) == [arrival]


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"at_ms": 1, "topic": "shop.events.click.v1", "value": "v"}\noops\n')

    _, bad = read_log(path)

    assert (bad.value, dict(bad.headers)[SOURCE_HEADER]) == (b"oops", b"events.jsonl:2")


def test_the_command_writes_events_and_truth_and_says_what_it_sent(tmp_path: Path) -> None:
    asked = ["--out", str(tmp_path / "shop"), "--seed", "3", "--shoppers", "80", "--duration", "6h", "--json"]

    result = CliRunner().invoke(command, asked)

    assert result.exit_code == 0, result.output
    sent = msgspec.json.decode(result.stdout)["sent"]
    assert sent["events"] > 500
    assert read_log(tmp_path / "shop" / "events.jsonl") == list(simulate(3, 80, 6 * 3_600_000))
    lines = (tmp_path / "shop" / "truth.jsonl").read_bytes().splitlines()
    chances = [msgspec.json.decode(line, type=Chance) for line in lines if b'"abandon":' in line]
    episodes = [msgspec.json.decode(line, type=Episode) for line in lines if b'"outcome":' in line]
    assert len(chances) + len(episodes) == len(lines)
    assert {chance.episode for chance in chances} == {episode.episode for episode in episodes}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--out", "x", "--duration", "5"], "expected a duration above 0 as 90s, 30m, 12h or 2d, got '5'"),
        (["--out", "truth.jsonl"], "give the log another name in --out"),
        (["--out", "/dev/null/x"], "cannot make /dev/null/x"),
        (["--out", "x", "--late", "2"], "--late"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(asked: list[str], said: str) -> None:
    result = CliRunner().invoke(command, asked)

    assert result.exit_code != 0
    assert said in result.stderr
