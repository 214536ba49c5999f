"""What a verdict says of a run, and of the times of each nemesis."""

import random
from itertools import islice

import msgspec

from streams.chaos.facts import Facts, Recovered, Taken, Written, Wrong
from streams.chaos.machine import Ended
from streams.chaos.nemeses import NEMESES, OF_BROKERS
from streams.chaos.pauses import Pause
from streams.chaos.producer import Sent
from streams.chaos.schedule import strikes
from streams.chaos.verdict import Run, Struck, Verdict, verdict

KILL, CUT = Struck(("worker killed",), 1_000, 1_000), Struck(("wire cut", "triton killed"), 5_000, 7_000)
NOTHING = Facts((), (), (), (), (), (), (), (), (), ())
QUIET = NOTHING._replace(sent=[Sent(500, 600, 10), Sent(5_500, 5_600, 5)], committed=[Written(700), Written(6_000)])


def run(**changes: object) -> Run:
    usual = Run(
        1, 3, [KILL, CUT], 61_000, [Recovered(1_000, 4.0), Recovered(7_000, 9.0)], [0, 0, 0], [Ended(1_100, 137)]
    )
    return usual._replace(**changes)


def judged(facts: Facts = QUIET, **changes: object) -> Verdict:
    of = run(**changes)
    return verdict(of, facts._replace(recovered=of.recovered, ended=of.ended))


def test_a_run_in_which_nothing_was_wrong_is_clean() -> None:
    found = judged()

    assert found.clean
    assert found.violations == ()
    assert (found.attempted, found.produced, found.committed) == (15, 15, 2)
    assert (found.recovery_p50_s, found.recovery_max_s) == (6.5, 9.0)
    assert found.exit_codes == {"137": 1}
    assert found.minutes == 1.0


def test_every_fact_counts_for_the_nemeses_that_struck_last_before_it() -> None:
    facts = QUIET._replace(
        aborted=[Written(1_500), Written(6_500), Written(6_600)],
        wrongs=[Wrong(6_000, "lost", "a nudge")],
        ticks=[Pause(2_000, 900), Pause(9_000, 4_000)],
    )

    found = judged(facts)

    assert found.nemeses.keys() == {"worker killed", "wire cut", "triton killed"}
    assert (found.nemeses["worker killed"].aborted_copies, found.nemeses["wire cut"].aborted_copies) == (1, 2)
    assert (found.nemeses["worker killed"].lost, found.nemeses["triton killed"].lost, found.lost) == (0, 1, 1)
    assert (found.nemeses["worker killed"].longest_pause_s, found.nemeses["wire cut"].longest_pause_s) == (0.9, 4.0)
    assert found.nemeses["worker killed"].recovery_max_s == 4.0
    assert found.nemeses["worker killed"].exit_codes == {"137": 1}


def test_each_way_to_fail_is_a_violation_that_says_what_happened() -> None:
    wrong = QUIET._replace(wrongs=[Wrong(6_000, "duplicates", "ce_id 7 on a topic, 2 times")])

    assert judged(wrong).violations == ("duplicates: ce_id 7 on a topic, 2 times",)
    assert "no progress" in judged(recovered=[Recovered(7_000, None)]).violations[0]
    assert "wire cut and triton killed" in judged(recovered=[Recovered(7_000, None)]).violations[0]
    assert "ended with 75 after the run" in judged(last_codes=[0, 75, 0]).violations[0]
    assert "ended with 1: expected a code" in judged(ended=[Ended(2_000, 1)]).violations[0]
    assert "ended with 1: expected a code" in judged(ended=[Ended(2_000, 1, newborn=True)]).violations[0]
    assert "ended with 143: expected a code" in judged(ended=[Ended(2_000, 143)]).violations[0]
    late = QUIET._replace(taken=[Taken(7_500, "rules"), Taken(18_000, "rules"), Taken(19_000, "model")])
    assert "1 decisions were taken by rules more than 10 s after" in judged(late).violations[0]
    assert "nothing was shown" in judged(NOTHING).violations[0]
    assert not judged(wrong).clean


def test_a_worker_that_could_not_hear_sigterm_yet_may_end_by_it() -> None:
    found = judged(ended=[Ended(2_000, 143, newborn=True)])

    assert found.clean
    assert found.exit_codes == {"143": 1}


def test_while_triton_is_gone_and_ten_seconds_after_it_rules_may_decide() -> None:
    found = judged(QUIET._replace(taken=[Taken(6_000, "rules"), Taken(16_000, "rules"), Taken(20_000, "model")]))

    assert found.clean
    assert found.decisions == {"model": 1, "rules": 2}


def test_what_was_sent_and_not_acknowledged_was_attempted_and_not_produced() -> None:
    found = judged(QUIET._replace(sent=[Sent(500, 600, 10), Sent(5_500, 0, 5)]))

    assert (found.attempted, found.produced) == (15, 10)


def test_the_verdict_is_read_by_people_and_by_programs() -> None:
    found = judged()

    assert "clean" in str(found)
    assert all(name in str(found) for name in found.nemeses)
    assert "VIOLATION" in str(judged(last_codes=[75]))
    told = msgspec.json.decode(msgspec.json.encode(found))
    assert told.keys() >= {"attempted", "produced", "lost", "unexpected", "duplicates", "aborted_copies", "nemeses"}


def test_every_nemesis_strikes_in_every_round_and_two_brokers_never_go_down_together() -> None:
    for seed in range(50):
        drawn, rounds = list(islice(strikes(random.Random(seed)), 40)), [[]]
        for strike in drawn:
            rounds[-1] += strike.nemeses
            if strike.ends_round:
                rounds.append([])

        assert all(sorted(names) == sorted(NEMESES) for names in rounds[:-1])
        assert len(rounds) > 3
        assert not any(set(strike.nemeses) == OF_BROKERS for strike in drawn)
    assert any(len(strike.nemeses) == 2 for strike in drawn)
