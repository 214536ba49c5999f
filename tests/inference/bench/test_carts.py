"""The carts' benchmark, on a made-up shop, and on the real one where it is there."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner, Result
from sklearn.metrics import average_precision_score, roc_auc_score

from inference.bench.carts.features import features
from inference.bench.carts.judge import Answers, figures, gain
from inference.bench.carts.model import CartModel
from inference.bench.carts.table import Carts, read_carts
from streams.cli import main
from tests.inference.bench.cart_shop import KS, carts, write

REAL = Path(__file__).parents[4] / "shared" / "data" / "retailrocket-carts"


def rows(table: Carts, chosen: np.ndarray) -> Carts:
    return Carts(*(column[chosen] for column in table))


def bench(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["bench", "carts", *map(str, words)])


@pytest.mark.parametrize("of_interest", [0, 7])
def test_what_comes_later_changes_no_feature(of_interest: int) -> None:
    table = carts(40, seed=1)
    visitor, number = table.visitor[of_interest * len(KS)], table.session_key[of_interest * len(KS)].split("_")[1]
    numbers = np.array([int(key.split("_")[1]) for key in table.session_key])
    past = (table.visitor != visitor) | (numbers < int(number)) | ((numbers == int(number)) & (table.k <= 1))

    whole, cut = features(table), features(rows(table, past))

    np.testing.assert_allclose(whole[past], cut, rtol=1e-9)


def test_outcomes_and_other_visitors_change_no_feature() -> None:
    table = carts(40, seed=2)
    some = table.visitor < 20

    others_gone = features(rows(table, some))
    outcomes_turned = features(table._replace(bought=~table.bought))

    np.testing.assert_allclose(features(table)[some], others_gone, rtol=1e-9)
    np.testing.assert_array_equal(features(table), outcomes_turned)


def test_the_order_of_the_rows_changes_no_feature() -> None:
    table = carts(40, seed=3)
    shuffled = np.random.default_rng(0).permutation(len(table.k))

    np.testing.assert_allclose(features(rows(table, shuffled)), features(table)[shuffled], rtol=1e-9)


def test_without_session_numbers_a_visitors_other_sessions_are_unknown() -> None:
    table = carts(5, seed=4)
    named = table._replace(session_key=np.char.add(table.session_key, "_x"))

    known = np.isnan(features(table)).sum(), np.isnan(features(named)).sum()

    assert known[0] < known[1]
    assert np.isnan(features(named)[:, -9:]).all()


def test_the_model_learns_who_buys_and_is_the_same_for_the_same_seed() -> None:
    train, test = carts(300, seed=5), carts(200, seed=6)

    first, second = (fitted(train, seed=1).probability(features(test)) for _ in range(2))

    assert roc_auc_score(test.bought, first) > 0.6
    assert abs(first.mean() - test.bought.mean()) < 0.1
    np.testing.assert_array_equal(first, second)


def fitted(table: Carts, seed: int) -> CartModel:
    model = CartModel(seed)
    model.fit(features(table), table.bought, table.visitor)
    return model


def made_up_answers(count: int, seed: int, sharpness: float) -> Answers:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.05, 0.6, count)
    blurred = np.clip(truth + rng.normal(0, sharpness, count), 0.01, 0.99)
    return Answers(truth, blurred, blurred, rng.random(count) < truth, np.arange(count) // 3)


def test_the_figures_are_the_means_that_scikit_learn_finds() -> None:
    parts = [made_up_answers(500, seed, 0.1) for seed in (1, 2)]

    found = figures(parts, "model")

    assert found.auc == pytest.approx(np.mean([roc_auc_score(part.bought, part.model) for part in parts]))
    assert found.pr_auc == pytest.approx(np.mean([average_precision_score(part.bought, part.model) for part in parts]))
    assert found.n == 1_000
    assert found.ece == pytest.approx(found.ece_of_truth, abs=0.03)


def test_the_gain_over_something_worse_is_sure_and_over_the_same_it_is_nothing() -> None:
    worse, same = made_up_answers(3_000, 1, 0.4), made_up_answers(3_000, 1, 0.0)

    over_worse, over_same = gain([worse, worse], "boosted_trees"), gain([same], "boosted_trees")

    assert 0 < over_worse.auc_low < over_worse.auc < over_worse.auc_high
    assert 0 < over_worse.pr_auc_low < over_worse.pr_auc < over_worse.pr_auc_high
    assert over_same.auc_low == over_same.auc == over_same.auc_high == 0


def test_the_command_judges_another_folder_and_prints_one_json_object(tmp_path: Path) -> None:
    train, test = write(tmp_path / "train", carts(120, seed=7)), write(tmp_path / "test", carts(60, seed=8))

    ran = bench("--train", train, "--test", test, "--json")

    assert ran.exit_code == 0, ran.output
    report = msgspec.json.decode(ran.stdout)
    assert report["task"] == "carts"
    assert 0 < report["ece"] < 0.2
    assert list(report["k"]) == [str(k) for k in KS]
    assert report["k"]["0"]["n"] == (read_carts(test).k == 0).sum()
    assert all({"auc", "pr_auc", "ece", "n"} <= set(at) for at in report["k"].values())


@pytest.mark.parametrize(
    ("without", "named"), [("view_count", "view_count"), ("y", "columns y"), ("session_key", "session_key")]
)
def test_a_missing_column_is_told_in_one_line(tmp_path: Path, without: str, named: str) -> None:
    folder = write(tmp_path / "train", carts(20, seed=9), without=without)

    ran = bench("--train", folder, "--json")

    assert ran.exit_code == 1
    assert named in ran.stderr
    assert ran.stderr.strip().count("\n") == 0


def test_no_file_and_no_parquet_are_told_in_one_line(tmp_path: Path) -> None:
    empty = bench("--train", tmp_path)
    (tmp_path / "prefixes.parquet").write_text("no parquet")
    broken = bench("--train", tmp_path)

    assert empty.stderr.startswith("Error: expected prefixes.parquet")
    assert broken.stderr.startswith("Error: expected a parquet file")
    assert broken.stderr.strip().count("\n") == 0


@pytest.mark.skipif(not REAL.is_dir(), reason=f"needs the real carts in {REAL}, which are not part of the repository")
def test_real_sessions_of_a_visitor_are_numbered_in_the_order_of_time() -> None:
    table = read_carts(REAL)
    at_first = rows(table, table.k == 0)
    number = np.array([int(key.split("_")[1]) for key in at_first.session_key])
    order = np.lexsort((number, at_first.visitor))
    hour = (at_first.measured[:, -1] * 24 + at_first.measured[:, -2])[order]
    follows = (np.diff(at_first.visitor[order]) == 0) & (np.diff(number[order]) == 1)

    later = np.diff(hour)[follows] % 168  # hours of the week, so a step back is one of nearly a week

    assert follows.sum() > 1_000
    assert (later < 84).mean() > 0.8  # half, were they in no order
