"""Judges that cannot condemn are worth nothing: each kind of harm, done to a run without fault, must be found."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from schemas.shopper import META_KEY, decode_meta, decode_shopper, encode_meta, encode_shopper
from schemas.topics import CHANGELOG, DECISIONS, INTERVENTIONS, PURCHASE
from streams.chaos.copies import aborted
from streams.chaos.court import facts_of, wrongs
from streams.chaos.evidence import Evidence, Stood, compacted
from streams.chaos.shops import EVERY_NUDGE
from streams.feed import Arrival
from tests.chaos.made_up import case_of, crash_free, traffic_of

NUDGES = INTERVENTIONS["cart_nudge"].name
Harm = Callable[[Evidence], Evidence]


@pytest.fixture
def policy(tmp_path: Path) -> str:
    path = tmp_path / "every-nudge.toml"
    path.write_text(EVERY_NUDGE)
    return str(path)


@pytest.fixture(scope="module")
def innocent() -> Evidence:
    return crash_free(traffic_of())


def nth(records: list[Stood], topic: str, script: str = "") -> int:
    """Where the first record of a topic stands, of a shopper with this script."""
    return next(
        n for n, one in enumerate(records) if one.topic == topic and (one.key or b"").startswith(script.encode())
    )


def without(records: list[Stood], n: int) -> list[Stood]:
    return records[:n] + records[n + 1 :]


def a_nudge_is_lost(evidence: Evidence) -> Evidence:
    told = without(evidence.told, nth(evidence.told, NUDGES, "abandons."))
    return evidence._replace(told=told, said=told)


def a_nudge_is_aborted_and_never_sent_again(evidence: Evidence) -> Evidence:
    return evidence._replace(told=without(evidence.told, nth(evidence.told, NUDGES, "abandons.")))


def a_retraction_is_lost(evidence: Evidence) -> Evidence:
    n = next(n for n, one in enumerate(evidence.told) if b'"retracts"' in (one.value or b""))
    return evidence._replace(told=without(evidence.told, n), said=without(evidence.told, n))


def a_nudge_comes_twice(evidence: Evidence) -> Evidence:
    record = evidence.told[nth(evidence.told, NUDGES)]
    return evidence._replace(told=[*evidence.told, record._replace(offset=10_000)])


def a_decision_comes_twice(evidence: Evidence) -> Evidence:
    record = evidence.told[nth(evidence.told, DECISIONS.name)]
    return evidence._replace(told=[*evidence.told, record._replace(offset=10_000)])


def a_buyer_is_nudged(evidence: Evidence) -> Evidence:
    record = evidence.told[nth(evidence.told, NUDGES, "abandons.")]
    buyer = next(one.key for one in evidence.inputs if (one.key or b"").startswith(b"buys."))
    headers = tuple((name, b"another" if name == "ce_id" else value) for name, value in record.headers)
    return evidence._replace(told=[*evidence.told, record._replace(key=buyer, headers=headers, offset=10_000)])


def a_nudge_tells_another_time(evidence: Evidence) -> Evidence:
    n = nth(evidence.told, NUDGES, "abandons.")
    told = list(evidence.told)
    told[n] = told[n]._replace(value=(told[n].value or b"").replace(b'"not_before":"20', b'"not_before":"21'))
    return evidence._replace(told=told)


def a_header_changes(evidence: Evidence) -> Evidence:
    n = nth(evidence.told, NUDGES)
    told = list(evidence.told)
    told[n] = told[n]._replace(headers=(*told[n].headers, ("by", b"worker 3")))
    return evidence._replace(told=told)


def with_changed(evidence: Evidence, **changes: int) -> Evidence:
    (state,) = evidence.changelog.values()
    key = next(key for key in state if key.startswith(b"abandons."))
    shopper = decode_shopper(state[key])
    for name, more in changes.items():
        setattr(shopper, name, getattr(shopper, name) + more)
    return evidence._replace(changelog={0: state | {key: encode_shopper(shopper)}})


def an_event_is_applied_twice(evidence: Evidence) -> Evidence:
    return with_changed(evidence, events=1)


def an_event_is_not_applied(evidence: Evidence) -> Evidence:
    return with_changed(evidence, events=-1)


def a_fence_differs(evidence: Evidence) -> Evidence:
    return with_changed(evidence, fence=1)


def a_shopper_is_forgotten(evidence: Evidence) -> Evidence:
    (state,) = evidence.changelog.values()
    key = next(key for key in state if key != META_KEY)
    return evidence._replace(changelog={0: {other: value for other, value in state.items() if other != key}})


def a_source_record_is_skipped(evidence: Evidence) -> Evidence:
    """As where an offset was committed before the append: the record is nowhere, and nothing ever came of it."""
    n = nth(evidence.inputs, PURCHASE.name, "buys.")
    skipped = evidence.inputs[n]
    return crash_free(as_arrivals(without(evidence.inputs, n)))._replace(
        inputs=[*evidence.inputs[:n], *evidence.inputs[n + 1 :], skipped._replace(offset=10_000)]
    )


def a_dead_letter_is_lost(evidence: Evidence) -> Evidence:
    return evidence._replace(letters=evidence.letters[1:])


def an_acknowledged_record_is_not_there(evidence: Evidence) -> Evidence:
    return evidence._replace(inputs=evidence.inputs[:-1])


def an_aborted_nudge_was_never_committed(evidence: Evidence) -> Evidence:
    n = nth(evidence.told, NUDGES)
    headers = tuple((name, b"another" if name == "ce_id" else value) for name, value in evidence.told[n].headers)
    copy = evidence.told[n]._replace(offset=10_000, headers=headers)
    return evidence._replace(said=[*evidence.said, copy])


def an_older_owner_writes_once_more(evidence: Evidence) -> Evidence:
    """Its successor has written the shopper before, and does so again: at the end nothing of it is to be seen."""
    last = next(one for one in evidence.changes if (one.key or b"").startswith(b"abandons."))
    shopper = decode_shopper(last.value or b"")
    shopper.fence -= 1
    older = last._replace(value=encode_shopper(shopper))
    return evidence._replace(changes=[*evidence.changes, older, last])


def an_older_owner_commits_once_more(evidence: Evidence) -> Evidence:
    last = next(one for one in evidence.changes if one.key == META_KEY)
    meta = decode_meta(last.value or b"")
    older = last._replace(value=encode_meta(msgspec.structs.replace(meta, offset=meta.offset - 1)))
    return evidence._replace(changes=[*evidence.changes, older, last])


def as_arrivals(inputs: list[Stood]) -> list[Arrival]:
    return [Arrival(one.at_ms, one.topic, one.key, one.value or b"") for one in inputs]


HARMS: dict[Harm, set[str]] = {
    a_nudge_is_lost: {"lost"},
    a_nudge_is_aborted_and_never_sent_again: {"lost", "unexpected"},
    a_retraction_is_lost: {"lost", "unexpected"},
    a_nudge_comes_twice: {"duplicates"},
    a_decision_comes_twice: {"duplicates"},
    a_buyer_is_nudged: {"unexpected"},
    a_nudge_tells_another_time: {"lost", "unexpected", "wrong_bytes"},
    a_header_changes: {"wrong_bytes"},
    an_event_is_applied_twice: {"unexpected", "wrong_bytes"},
    an_event_is_not_applied: {"lost", "wrong_bytes"},
    a_fence_differs: {"wrong_bytes"},
    a_shopper_is_forgotten: {"lost"},
    a_source_record_is_skipped: {"lost", "unexpected"},
    a_dead_letter_is_lost: {"lost"},
    an_acknowledged_record_is_not_there: {"lost", "unexpected"},
    an_aborted_nudge_was_never_committed: {"unexpected"},
    an_older_owner_writes_once_more: {"unexpected"},
    an_older_owner_commits_once_more: {"unexpected"},
}


def test_a_run_without_fault_is_clean_and_has_everything_in_it(innocent: Evidence, policy: str) -> None:
    case = case_of(innocent, policy)

    found = list(wrongs(case))

    assert found == []
    assert len(innocent.letters) > 0
    assert sum(one.topic == NUDGES for one in innocent.told) > 20
    assert any(b'"retracts"' in (one.value or b"") for one in innocent.told)


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_what_was_done_to_a_run_is_found_and_called_by_its_name(harm: Harm, innocent: Evidence, policy: str) -> None:
    harmed = case_of(harm(innocent), policy)._replace(sent=case_of(innocent, policy).sent)

    found = list(wrongs(harmed))

    assert {wrong.kind for wrong in found} == HARMS[harm], found


def test_an_aborted_copy_of_what_was_committed_is_counted_and_no_violation(innocent: Evidence, policy: str) -> None:
    n = nth(innocent.told, NUDGES)
    copied = innocent._replace(said=[*innocent.said, innocent.told[n]._replace(offset=10_000)])

    facts = facts_of(case_of(copied, policy))

    assert len(aborted(copied)) == len(facts.aborted) == 1
    assert facts.wrongs == []


def test_the_changelog_is_read_as_compaction_leaves_it() -> None:
    written = [
        Stood(CHANGELOG.name, 0, 0, b"ann", b"1"),
        Stood(CHANGELOG.name, 0, 1, b"bob", b"1"),
        Stood(CHANGELOG.name, 0, 2, b"ann", b"2"),
        Stood(CHANGELOG.name, 0, 3, b"bob", None),
    ]

    assert compacted(written, 2) == {0: {b"ann": b"2"}, 1: {}}
