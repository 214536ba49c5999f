"""The next-item benchmark, on sessions made up so that the answer is known, and on the real ones where they are."""

import gzip
import json
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner, Result

from inference.baselines.sequential_rules import SequentialRules
from inference.baselines.session_neighbours import SessionNeighbours
from inference.bench.next_item.candidates import PER_PREFIX, candidates
from inference.bench.next_item.judge import NOWHERE, p_and_mrr, sparse_ranks
from inference.bench.next_item.memory import BLEND, Memory
from inference.bench.next_item.sessions import TEST_FILE, TRAIN_FILE, Sessions, every_prefix, read_test, read_train
from streams.cli import main

REAL = Path(__file__).parents[4] / "shared" / "data" / "retailrocket-sessions"
ITEMS = 200


def walks(count: int, seed: int) -> list[list[int]]:
    """Sessions that go up in steps of one or two, from a start anywhere; some step back to the item before."""
    rng = np.random.default_rng(seed)
    sessions = []
    for _ in range(count):
        session = [int(rng.integers(1, ITEMS - 20))]
        for _ in range(int(rng.integers(1, 6))):
            back = len(session) > 1 and rng.random() < 0.2
            session.append(session[-2] if back else session[-1] + int(rng.integers(1, 3)))
        sessions.append(session)
    return sessions


def write(folder: Path, train: list[list[int]], test: list[list[int]]) -> Path:
    """The sessions as the benchmark reads them."""
    folder.mkdir(exist_ok=True)
    prefixes = [session[:end] for session in test for end in range(1, len(session))]
    targets = [session[end] for session in test for end in range(1, len(session))]
    for name, content in ((TRAIN_FILE, train), (TEST_FILE, [prefixes, targets])):
        (folder / name).write_bytes(gzip.compress(json.dumps(content).encode()))
    return folder


def bench(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["bench", "next-item", *map(str, words)])


def test_a_rule_ranks_what_followed_most_often_first_and_what_never_followed_nowhere() -> None:
    past = Sessions.of([[1, 2], [1, 2], [1, 3], [5, 1]])

    scores = SequentialRules(past, 6).scores(Sessions.of([[1]] * 3))

    assert sparse_ranks(np.array([2, 3, 4]), scores).tolist() == [0, 1, NOWHERE]


def test_two_items_in_common_make_a_session_more_alike_than_twice_one() -> None:
    past = Sessions.of([[1, 2, 7], [1, 5, 8], [2, 6, 8], [9, 9], [9, 9], [9, 9]])

    scores = SessionNeighbours(past, 10).scores(Sessions.of([[1, 2]] * 2))

    assert sparse_ranks(np.array([7, 8]), scores)[0] < sparse_ranks(np.array([7, 8]), scores)[1]


def test_only_items_that_were_known_are_asked_about() -> None:
    known = np.array([False, True, True, False, True])

    questions = every_prefix(Sessions.of([[1, 3, 2, 4], [3], [3, 1]]), known)

    assert questions.targets.tolist() == [2, 4]
    assert questions.prefixes.items.tolist() == [1, 1, 2]


def test_the_measures_are_those_of_a_plain_count() -> None:
    rng = np.random.default_rng(0)
    ranks = rng.integers(0, 60, 500)

    p20, mrr20 = p_and_mrr(ranks)

    assert p20 == pytest.approx(100 * sum(rank < 20 for rank in ranks) / 500)
    assert mrr20 == pytest.approx(100 * sum(1 / (rank + 1) for rank in ranks if rank < 20) / 500)


def test_candidates_do_not_depend_on_the_prefixes_beside_them() -> None:
    memory, asked = Memory(Sessions.of(walks(500, seed=1)), ITEMS + 20), Sessions.of(walks(30, seed=2))

    together = candidates(memory, asked)
    alone = candidates(memory, asked.part(7, 8))

    mine = together.prefix == 7
    assert np.bincount(together.prefix).max() <= PER_PREFIX
    np.testing.assert_array_equal(together.item[mine], alone.item)
    np.testing.assert_allclose(together.features[mine], alone.features, rtol=1e-5)


def test_each_score_has_its_weight() -> None:
    memory = Memory(Sessions.of(walks(100, seed=1)), ITEMS + 20)

    assert len(memory.scores(Sessions.of([[5]]))) == len(BLEND)


def test_the_command_finds_what_follows_the_same_twice_and_prints_one_json_object(tmp_path: Path) -> None:
    folder = write(tmp_path / "train", walks(1_500, seed=1), walks(100, seed=2))

    first, second = (bench("--train", folder, "--json") for _ in range(2))

    assert first.exit_code == 0, first.output
    found, again = (msgspec.json.decode(ran.stdout) for ran in (first, second))
    assert found["task"] == "next-item"
    assert found["n"] == len(read_test(folder).targets)
    assert found["p20"] > 95
    assert (
        found["mrr20"] > found["baselines"]["session_neighbours"]["mrr20"] > found["baselines"]["most_popular"]["mrr20"]
    )
    assert (found["p20"], found["mrr20"]) == (again["p20"], again["mrr20"])


def test_another_folder_with_items_never_seen_before_can_be_judged(tmp_path: Path) -> None:
    train = write(tmp_path / "train", walks(400, seed=1), [[1, 2]])
    test = write(tmp_path / "test", [[1, 2]], [*walks(40, seed=3), [0, 10**12]])

    ran = bench("--train", train, "--test", test, "--json")

    assert ran.exit_code == 0, ran.output
    assert msgspec.json.decode(ran.stdout)["n"] == len(read_test(test).targets)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"no gzip", "expected JSON in gzip"),
        (gzip.compress(b"{"), "expected JSON in gzip"),
        (gzip.compress(b'{"a": 1}'), "expected lists of item ids"),
        (gzip.compress(b"[[1, 2], []]"), "none of them empty"),
        (gzip.compress(b"[[1, 2]]"), "expected at least"),
    ],
)
def test_what_is_no_training_file_is_told_in_one_line(tmp_path: Path, content: bytes, told: str) -> None:
    folder = write(tmp_path / "train", [], [[1, 2]])
    (folder / TRAIN_FILE).write_bytes(content)

    ran = bench("--train", folder, "--json")

    assert ran.exit_code == 1
    assert ran.stderr.startswith("Error: ")
    assert told in ran.stderr
    assert ran.stderr.strip().count("\n") == 0


def test_a_missing_file_is_told_in_one_line(tmp_path: Path) -> None:
    ran = bench("--train", tmp_path)

    assert ran.stderr == (
        f"Error: expected {TRAIN_FILE} in {tmp_path}, got no such file; give a folder like diginetica-sessions\n"
    )


@pytest.mark.skipif(not REAL.is_dir(), reason=f"needs the real sessions in {REAL}, which are not in the repository")
def test_the_real_sessions_are_in_the_order_of_time() -> None:
    sessions, targets = read_train(REAL), read_test(REAL).targets
    items = int(sessions.items.max()) + 1
    tested = np.sqrt(np.bincount(targets, minlength=items))

    ends = np.linspace(0, sessions.size, 6).astype(int)
    fifths = [sessions.part(first, end) for first, end in pairwise(ends)]
    near = [tested @ np.sqrt(np.bincount(part.items, minlength=items)) / np.sqrt(len(part.items)) for part in fifths]

    assert near.index(max(near)) == 4
    assert near[4] > 1.2 * near[0]
