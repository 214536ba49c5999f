"""`kairos estimate` from end to end: a shop that answers nudges, logged under one policy, and run under another."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from schemas.decisions import decode_decision
from schemas.topics import CART, CONSENT, DECISIONS, PURCHASE
from streams.commands.estimate import estimate as estimate_command
from streams.commands.replay import replay as replay_command
from streams.commands.simulate import simulate as simulate_command
from streams.core.policy.rules import parse
from streams.feed import Arrival
from streams.replay.logs import LineLog
from streams.replay.recorded import told
from streams.replay.share import WHOLE
from streams.simulate import START_MS, simulate
from streams.simulator.answering import Effect, answering
from streams.simulator.log import write_arrival
from tests.streams.replay.shop_log import MODELS

HOUR_MS = 3_600_000
HOURS = 14
MODEL = "abandon_lstm"
EXPLORES = 'id = "explores"\nversion = "1"\n[explore]\nshare = 0.6\nseed = "s"\n'
CAREFUL = 'id = "careful"\nversion = "1"\n[cart_nudge]\nmin_value = 10000\n'
"""Addresses only carts that answer often."""
SILENT = 'id = "silent"\nversion = "1"\n[cart_nudge]\nenabled = false\n'
GENEROUS = 'id = "generous"\nversion = "1"\n'


class Run(NamedTuple):
    """A shop under a policy: the file of its events, and a replay of them with the timeline."""

    events: Path
    folder: Path


@pytest.fixture(scope="module")
def shoppers() -> list[Arrival]:
    """Their carts and orders. Clicks matter to models only; the last event is a day after all others."""
    topics = {CART.name, PURCHASE.name, CONSENT.name}
    arrivals = [one for one in simulate(11, 1_500, HOURS * HOUR_MS) if one.topic in topics]
    late = arrivals[0]._replace(at_ms=START_MS + (HOURS + 30) * HOUR_MS)
    return [*arrivals, late]


@pytest.fixture(scope="module")
def explored(shoppers: list[Arrival], tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(shoppers, EXPLORES, tmp_path_factory.mktemp("explored"))


@pytest.fixture(scope="module")
def careful(shoppers: list[Arrival], tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(shoppers, CAREFUL, tmp_path_factory.mktemp("careful"))


def run(shoppers: list[Arrival], policy: str, folder: Path) -> Run:
    made = Run(folder / "events.jsonl", folder / "run")
    with made.events.open("wb") as file:
        for arrival in answering(shoppers, parse(policy), Effect(), seed=3):
            write_arrival(file, arrival)
    command(replay_command, made.events, "--policy", written(folder, policy), "--out", made.folder, "--keep-timeline")
    return made


def written(folder: Path, policy: str) -> Path:
    path = folder / f"{parse(policy).id}.toml"
    path.write_text(policy)
    return path


def command(which: Any, *arguments: str | Path, code: int = 0, model: str = "") -> Any:
    """What it prints as JSON; where it fails, what it says."""
    one_process = [*map(str, arguments), "--processes", "1", "--json"]
    done = CliRunner().invoke(which, one_process, env={"KAIROS_MODEL": model, "KAIROS_MODELS_DIR": str(MODELS)})
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if code == 0 else done.output


def estimated(log: Run, policy: str, *more: str) -> dict[str, Any]:
    return command(estimate_command, log.folder, "--policy", written(log.folder.parent, policy), *more)


@pytest.mark.parametrize("reward", ["bought", "value"])
def test_what_the_other_policy_earns_lies_in_the_interval_that_was_estimated_for_it(
    explored: Run, careful: Run, reward: str
) -> None:
    truth = estimated(careful, CAREFUL, "--reward", reward)["estimates"]["logged"]["value"]

    found = estimated(explored, CAREFUL, "--reward", reward)

    estimates = found["estimates"]
    for name in ("ips", "snips", "dr", "switch_dr"):
        low, high = estimates["policy"][name]["bootstrap"]
        assert low < truth < high, name
        assert high - low < truth, "an interval that holds anything says nothing"
    assert found["warnings"] == []
    assert found["decisions"] > 600
    assert 0.7 < found["by_chance"] < 1.0, "no coin where there is no consent"


def test_that_nobody_would_buy_more_is_noticed_where_nobody_is_nudged(
    explored: Run, shoppers: list[Arrival], tmp_path: Path
) -> None:
    truth = estimated(run(shoppers, SILENT, tmp_path), SILENT)["estimates"]["logged"]["value"]

    found = estimated(explored, SILENT)["estimates"]

    for name in ("ips", "snips", "dr", "switch_dr"):
        assert found["policy"][name]["analytic"][0] < truth < found["policy"][name]["analytic"][1], name
        assert found["gain"][name]["analytic"][1] < 0, name


def test_a_model_alone_knows_nothing_of_its_own_error(explored: Run) -> None:
    found = estimated(explored, CAREFUL)["estimates"]

    assert found["policy"]["dm"]["value"] > 0
    assert found["policy"]["dm"]["analytic"] is found["gain"]["dm"]["bootstrap"] is None


def test_what_was_logged_is_estimated_without_error_for_the_policy_that_logged_it(explored: Run) -> None:
    found = estimated(explored, EXPLORES)["estimates"]

    for name in ("ips", "snips"):
        assert found["policy"][name]["value"] == pytest.approx(found["logged"]["value"], abs=1e-12)
        assert found["gain"][name]["analytic"] == pytest.approx([0.0, 0.0], abs=1e-12)
    assert found["overlap"]["effective"] == pytest.approx(found["overlap"]["rows"])


def test_the_orders_that_answer_nudges_answer_those_that_a_replay_sends(explored: Run) -> None:
    answers = answered(explored)

    assert len(answers) > 50
    assert answers < sent(explored).keys()


def test_a_cart_is_answered_or_not_whatever_the_policy_and_as_often_as_was_said(explored: Run, careful: Run) -> None:
    both = sent(explored).keys() & sent(careful).keys()
    assert answered(explored) & both == answered(careful) & both != set()

    for is_large, chance in ((True, Effect().large), (False, Effect().small)):
        nudged = {id_ for id_, value in sent(explored).items() if (value >= 100) is is_large}
        assert len(answered(explored) & nudged) / len(nudged) == pytest.approx(chance, abs=0.06)


def answered(log: Run) -> set[str]:
    """The interventions that an order answers. An id names of the policy only its version, which all have in common."""
    lines = [line for line in log.events.read_text().splitlines() if "answer-" in line]
    return {json.loads(json.loads(line)["value"])["messageId"].removeprefix("answer-") for line in lines}


def sent(log: Run) -> dict[str, float]:
    """The value of the cart by each nudge that was sent."""
    files = (log.folder / "shop.interventions.cart_nudge.v1").iterdir()
    nudges = [json.loads(line)["record"] for file in files for line in file.read_text().splitlines()]
    return {one["intervention_id"]: one["content"]["total_value"] for one in nudges if "retracts" not in one}


def test_a_run_that_was_left_to_the_coin_is_verified_to_the_byte(explored: Run) -> None:
    policy = written(explored.folder.parent, EXPLORES)

    assert command(replay_command, explored.folder, "--policy", policy, "--verify")["differences"] == []


def test_the_coin_falls_as_often_as_the_recorded_propensities_say(explored: Run) -> None:
    log = LineLog(files=(), folder=str(explored.folder))
    decisions = [decode_decision(one.value) for one in told(log, WHOLE, (DECISIONS,))]
    tossed = [one for one in decisions if one.decision.propensity < 1]

    sent = sum(one.outcome == "sent" for one in tossed)

    assert {one.decision.propensity for one in tossed if one.outcome == "sent"} == {0.7}
    assert sent / len(tossed) == pytest.approx(0.7, abs=0.05)


def test_where_the_logged_policy_never_did_what_the_other_would_nothing_is_said_about_it(careful: Run) -> None:
    found = estimated(careful, GENEROUS)

    assert found["left_out"]["unsupported"] > 100
    assert "the other policy may do what the logged one never did" in found["warnings"][0]


def test_what_no_coin_decides_is_said_not_to_be_in_the_estimate(shoppers: list[Arrival], tmp_path: Path) -> None:
    warns = EXPLORES + "[cart_at_risk]\nmin_abandon_30m = 0.4\n"
    events = tmp_path / "events.jsonl"
    with events.open("wb") as file:
        for arrival in [*shoppers[:1_500], shoppers[-1]]:
            write_arrival(file, arrival)
    policy = written(tmp_path, warns)
    command(replay_command, events, "--policy", policy, "--out", tmp_path / "run", "--keep-timeline", model=MODEL)

    log = Run(events, tmp_path / "run")
    found = estimated(log, CAREFUL + "[cart_at_risk]\nenabled = false\n")

    assert found["at_risk_differs"] > 0
    assert "interventions of the kind cart_at_risk, which are never left to chance" in found["warnings"][-1]
    assert estimated(log, warns)["at_risk_differs"] == 0


def test_a_log_of_less_than_a_day_cannot_tell(shoppers: list[Arrival], tmp_path: Path) -> None:
    short = run(shoppers[:500], EXPLORES, tmp_path)

    said = command(estimate_command, short.folder, "--policy", written(tmp_path, CAREFUL), code=1)

    assert "are younger than 24 h of log time" in said
    assert len(said.strip().splitlines()) == 1


def test_a_log_of_events_has_no_decisions_to_estimate_from(explored: Run, tmp_path: Path) -> None:
    said = command(estimate_command, explored.events, "--policy", written(tmp_path, CAREFUL), code=1)

    assert "expected a recorded timeline" in said


def test_the_command_simulates_a_shop_that_answers(tmp_path: Path) -> None:
    few = ["--shoppers", "250", "--duration", "3h"]

    for name, more in (("plain", []), ("nudged", ["--nudged-by", str(written(tmp_path, GENEROUS))])):
        done = CliRunner().invoke(simulate_command, ["--out", str(tmp_path / name), *few, *more])
        assert done.exit_code == 0, done.output

    plain, nudged = ((tmp_path / name / "events.jsonl").read_text().splitlines() for name in ("plain", "nudged"))
    answers = [line for line in nudged if "answer-" in line]
    assert [line for line in nudged if line not in answers] == plain
    assert len(answers) > 0
    times = [json.loads(line)["at_ms"] for line in nudged]
    assert times == sorted(times)


def test_the_reward_is_the_outcome_that_a_replay_tells(explored: Run) -> None:
    files = (explored.folder / "outcomes").glob("*.jsonl")
    told = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    bought = [one["bought_24h"] for one in told if one["asked"] == "timer"]

    found = estimated(explored, CAREFUL)

    assert None not in bought
    assert found["decisions"] == len(bought) - found["left_out"]["unsupported"]
    assert found["estimates"]["logged"]["value"] == pytest.approx(sum(bought) / len(bought), abs=0.002)


def test_a_person_reads_a_table(explored: Run, tmp_path: Path) -> None:
    arguments = [str(explored.folder), "--policy", str(written(tmp_path, CAREFUL))]

    told = CliRunner().invoke(estimate_command, arguments, env={"KAIROS_MODEL": ""}).output

    assert "cart nudges decided by explores 1" in told
    assert [line.split()[0] for line in told.splitlines()[-6:]] == ["logged", "ips", "snips", "dm", "dr", "switch_dr"]
