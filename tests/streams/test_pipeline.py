"""Truths about the whole decision path, over random logs: wherever the log is cut and whenever a crash comes."""

import random

import pytest

from schemas.kinds import Kind
from schemas.shopper import META_KEY, decode_meta, decode_shopper
from schemas.timeline import Coordinate, decode_entry
from streams.core.encoded import Encoded
from streams.pipeline import Partition
from tests.streams.builders import Log
from tests.streams.decided import answer, at_risk, partition, run, sent, suppressed
from tests.streams.random_logs import IDLE_S, random_log


def everything(part: Partition, records, cuts) -> tuple[list, dict]:
    """All outputs and the changelog (None: deleted), when the log is stepped in blocks of these sizes."""
    outputs, at, stored = [], 0, {}
    while at < len(records):
        size = next(cuts)
        answer(part, part.step(records[at : at + size]), at_risk(0.9))
        at += size
        write = part.commit()
        outputs += write.outputs
        stored.update(write.changelog)
    return outputs, stored


def live(changelog: dict[bytes, bytes | None]) -> dict[bytes, bytes]:
    """What is left of a changelog when it has been compacted."""
    return {key: value for key, value in changelog.items() if value is not None}


@pytest.mark.parametrize("seed", range(60))
def test_results_do_not_depend_on_how_the_log_is_cut(seed):
    records, rng = random_log(seed, away=seed % 2 == 0).records, random.Random(seed)

    one_by_one = everything(partition(), records, iter(lambda: 1, None))
    at_once = everything(partition(), records, iter(lambda: len(records), None))
    at_random = everything(partition(), records, iter(lambda: rng.randrange(1, 9), None))

    for outputs, changelog in (at_once, at_random):
        assert (outputs, live(changelog)) == (one_by_one[0], live(one_by_one[1]))


@pytest.mark.parametrize("seed", range(200))
def test_a_crash_anywhere_changes_nothing(seed):
    """Emits run ahead of the commit; then the process dies, and another loads what the changelog holds."""
    records, rng = random_log(seed, away=seed % 2 == 0).records, random.Random(seed)
    free_outputs, free_state = everything(partition(), records, iter(lambda: 1, None))
    committed_at = rng.randrange(len(records))
    ahead = rng.randrange(committed_at, len(records))

    first = partition()
    outputs, changelog = everything(first, records[:committed_at], iter(lambda: 3, None))
    for record in records[committed_at:ahead]:
        answer(first, first.step([record]), at_risk(0.9))
        if rng.random() < 0.5:
            write = first.emit()
            outputs += write.outputs
            changelog.update(write.changelog)
    second = restored(live(changelog))
    more, after = everything(second, records[second.shard.offset :], iter(lambda: 5, None))

    assert sorted(outputs + more) == sorted(free_outputs)
    assert live(changelog | after) == live(free_state)


def restored(changelog: dict[bytes, bytes]) -> Partition:
    part = partition()
    meta = decode_meta(changelog[META_KEY]) if META_KEY in changelog else part.shard.meta()
    shoppers = {key: decode_shopper(value) for key, value in changelog.items() if key != META_KEY}
    part.shard.restore(Encoded.of(shoppers), meta)
    return part


@pytest.mark.parametrize("seed", range(100))
def test_every_abandoned_cart_is_nudged_once_as_a_naive_rescan_finds(seed):
    log = random_log(seed, late=False)

    outputs = run(partition(), log.records)

    told = [body for body in sent(outputs) if "retracts" not in body] + suppressed(outputs)
    assert sorted((t["target"]["id"], t["content"]["cart_id"], t["decision"]["mode"]) for t in told) == sorted(
        (user, key, "rules") for user, key in naive_abandonments(log)
    )


def naive_abandonments(log: Log) -> list[tuple[str, str]]:
    """All carts that had no activity for 30 minutes, found by sorting everything by time. No streams, no timers."""
    seen, events = set(), []
    for record in log.records:
        if record.key is not None and (entry := decode_entry(record.value)):
            if (record.key, entry.detail.message_id) not in seen:
                events.append((entry.slot.at_ms, entry.source, record.key.decode(), entry))
            seen.add((record.key, entry.detail.message_id))
    found, carts = [], {}
    for at_ms, _, user, entry in [
        *sorted(events),
        *((10**15, Coordinate(9, 9, 9), user, None) for user in ("ann", "bob", "eve")),
    ]:
        for (owner, key), (active_ms, _) in sorted(carts.items()):
            if owner == user and active_ms + IDLE_S * 1_000 <= at_ms:
                found.append((user, key))
                del carts[owner, key]
        key = (user, entry.detail.cart_id) if entry else None
        if entry is None:
            continue
        if entry.slot.kind == Kind.PRODUCT_ADDED:
            carts[key] = at_ms, carts.get(key, (0, 0))[1] + 1
        elif entry.slot.kind == Kind.PRODUCT_REMOVED and key in carts:
            carts[key] = at_ms, carts[key][1] - 1
            if not carts[key][1]:
                del carts[key]
        elif entry.slot.kind == Kind.ORDER_COMPLETED:
            mine = [
                (key == (user, other) and other != "", active, other)
                for (owner, other), (active, _) in carts.items()
                if owner == user
            ]
            if mine:
                del carts[user, max(mine)[2]]
    return found
