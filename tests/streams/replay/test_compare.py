"""Two ways to decide on one log: who is addressed by one and not by the other, why, and what really happened then."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.topics import INTERVENTIONS
from streams.replay import compare, replay
from streams.replay.comparison.compared import Compared
from streams.replay.comparison.facts import Overlap, SideFacts
from streams.replay.comparison.table import text
from tests.streams.replay.shop_log import RULES, WITH_MODEL, write_shop

MINUTE_MS = 60_000
DAY = 24 * 60


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def stricter(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """A is at 0.6, B at 0.8, with the model; A sends two to a shopper at most, B one."""
    folder = tmp_path_factory.mktemp("stricter")
    a = policy(folder / "a.toml", "[cart_at_risk]\nmin_abandon_30m = 0.6\n[caps]\nper_shopper = 2")
    b = policy(folder / "b.toml", "[cart_at_risk]\nmin_abandon_30m = 0.8\n[caps]\nper_shopper = 1")
    return compare(shop, [a, b], settings=WITH_MODEL, out=folder / "out")


def policy(path: Path, tables: str = "", version: str = "1") -> Path:
    path.write_text(f'id = "test"\nversion = "{version}"\n{tables}\n')
    return path


def kind(side: SideFacts, name: str) -> Any:
    return next(one for one in side.kinds if one.kind == name)


def reasons(found: Compared) -> Counter[tuple[str, str]]:
    """Carts by what differs and why."""
    counts = Counter[tuple[str, str]]()
    for one in found.facts.differing:
        counts[one.difference, one.reason] += one.carts
    return counts


def event(name: str, minute: float, user: str = "ann", **more: Any) -> str:
    properties: dict[str, Any] = {"product_id": "mug", "price": 9.5, "currency": "EUR", **more}
    if name == "Order Completed":
        properties = {"order_id": "o1", "products": [properties], "currency": "EUR", "total": 9.5}
    at_ms = 1_700_000_000_000 + round(minute * MINUTE_MS)
    return json.dumps({"event": name, "messageId": f"{user}-{minute}", "userId": user, "timestamp": at_ms,
                       "properties": properties})  # fmt: skip


def log_of(folder: Path, *events: str) -> Path:
    path = folder / "log.jsonl"
    path.write_text("\n".join(events) + "\n")
    return path


def test_a_higher_threshold_and_a_lower_cap_send_fewer_and_it_says_why(stricter: Compared) -> None:
    facts = stricter.facts

    assert [(one.what, one.a, one.b) for one in facts.changed] == [
        ("caps.per_shopper", 2, 1),
        ("cart_at_risk.min_abandon_30m", 0.6, 0.8),
    ]
    assert facts.a.sent > facts.b.sent > 0
    assert facts.foresights == ()  # the scores are the same
    assert kind(facts.a, "cart_at_risk").sent > kind(facts.b, "cart_at_risk").sent > 0
    assert facts.carts.only_a > 0 == facts.carts.only_b
    assert {reason for _, reason in reasons(stricter)} == {"below_threshold", "frequency_cap"}
    for one in facts.examples:
        if one.reason == "below_threshold":
            assert one.a.kind == "cart_at_risk"
            assert one.a.abandon_30m is not None
            assert 0.6 <= one.a.abandon_30m < 0.8


def test_it_counts_what_a_naive_count_over_two_separate_replays_counts(
    stricter: Compared, shop: Path, tmp_path: Path
) -> None:
    facts = stricter.facts
    a, b = (naive(shop, tmp_path / name, Path(side.policy_file)) for name, side in (("a", facts.a), ("b", facts.b)))

    for side, found in ((facts.a, a), (facts.b, b)):
        assert {one.kind: one.sent for one in side.kinds} == Counter(one["action"] for one in found if sent(one))
        held_back = Counter(one["suppressed"] for one in found if one["outcome"] == "suppressed")
        assert sum((Counter(one.held_back) for one in side.kinds), Counter()) == held_back
        risks = [one["cart_abandoned"] for one in found if sent(one) and one["action"] == "cart_at_risk"]
        right = kind(side, "cart_at_risk").right
        assert (right.true, right.known) == (risks.count(True), len(risks) - risks.count(None))
        ahead = sorted(
            one["cart_ended_after_ms"] for one in found
            if sent(one) and one["action"] == "cart_at_risk" and one["cart_abandoned"]
        )  # fmt: skip
        lead = kind(side, "cart_at_risk").lead
        assert (lead.count, lead.p50_ms) == (len(ahead), ahead[(len(ahead) - 1) // 2])
        assert kind(side, "cart_nudge").lead is None
        assert side.caps.shoppers == len({one["user_id"] for one in found if sent(one)})
        windows = naive_windows(found)
        assert side.caps.fullest == windows
        full = sum(shoppers for most, shoppers in windows.items() if most >= side.caps.per_shopper)
        assert (side.caps.shoppers_at_cap, side.caps.held_back) == (full, held_back["frequency_cap"])
    first_a, first_b = ({cart(one): one["cause"] for one in found if sent(one)} for found in (a, b))
    both = first_a.keys() & first_b.keys()
    same = sum(first_a[one] == first_b[one] for one in both)
    only_a, only_b = len(first_a.keys() - both), len(first_b.keys() - both)
    assert facts.carts == Overlap(both=len(both), only_a=only_a, only_b=only_b, same=same)
    users_a, users_b = ({user for user, _ in first} for first in (first_a, first_b))
    assert facts.shoppers == Overlap(
        both=len(users_a & users_b), only_a=len(users_a - users_b), only_b=len(users_b - users_a)
    )
    assert reasons(stricter)["only_a", "frequency_cap"] == sum(
        one["suppressed"] == "frequency_cap" and first_a.get(cart(one)) == one["cause"]
        for one in b
        if cart(one) not in first_b
    )


def naive(shop: Path, out: Path, rules: Path) -> list[dict[str, Any]]:
    replay(shop, WITH_MODEL, policy=rules, out=out)
    return [json.loads(line) for file in (out / "outcomes").iterdir() for line in file.open("rb")]


def sent(one: dict[str, Any]) -> bool:
    return bool(one["outcome"] == "sent")


def cart(one: dict[str, Any]) -> tuple[str, str]:
    return one["user_id"], one["episode"]


def naive_windows(found: list[dict[str, Any]]) -> dict[int, int]:
    """Shoppers by the most that they got within any 24 hours."""
    times: dict[str, list[int]] = {}
    for one in filter(sent, found):
        times.setdefault(one["user_id"], []).append(one["at_ms"])
    fullest = [max(sum(0 <= last - at < DAY * MINUTE_MS for at in all_) for last in all_) for all_ in times.values()]
    return dict(Counter(fullest))


def test_the_same_rules_under_two_names_give_an_empty_difference(shop: Path, tmp_path: Path) -> None:
    found = compare(shop, [policy(tmp_path / "a.toml"), policy(tmp_path / "b.toml")], settings=RULES).facts

    assert found.a.sent == found.b.sent > 0
    assert (found.changed, found.differing, found.examples) == ((), (), ())
    assert (found.carts.only_a, found.carts.only_b) == (0, 0)
    assert found.carts.same == found.carts.both == found.a.sent
    assert "No difference" in text(found)


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        ("[cart_nudge]\nenabled = false", "switched_off"),
        ("[cart_nudge]\nmin_value = 100000000", "not_eligible"),
        ("[consent]\nrequired = true", "no_consent"),
        ("[caps]\nper_shopper = 0", "frequency_cap"),
        ("[cart_nudge]\nmax_late_s = 0", "stale_timer"),
    ],
)
def test_each_way_not_to_send_has_its_reason_on_either_side(
    shop: Path, tmp_path: Path, tables: str, reason: str
) -> None:
    sends, sends_less = policy(tmp_path / "sends.toml"), policy(tmp_path / "sends-less.toml", tables)

    found = compare(shop, [sends, sends_less], settings=RULES)
    turned = compare(shop, [sends_less, sends], settings=RULES)

    assert found.facts.carts.only_a > 0 == found.facts.carts.only_b
    assert reasons(found) == {("only_a", reason): found.facts.carts.only_a}
    assert reasons(turned) == {("only_b", reason): found.facts.carts.only_a}
    assert {one.reason_later for one in found.facts.differing} == {None}  # a cart is left once
    assert {(one.a.sent, one.b.sent) for one in found.facts.examples} == {(True, False)}
    assert {(one.a.sent, one.b.sent) for one in turned.facts.examples} == {(False, True)}


def test_what_really_happened_stands_beside_what_was_sent(tmp_path: Path) -> None:
    # given: four carts that are left; ann buys an hour later, bob two days later, and the log ends too soon for dan
    log = log_of(
        tmp_path,
        *(event("Product Added", 0, user) for user in ("ann", "bob", "cat")),
        event("Order Completed", 90, "ann"),
        event("Order Completed", 2 * DAY, "bob"),
        event("Product Added", 2 * DAY + 60, "dan"),
        event("Product Viewed", 2 * DAY + 120, "eve"),
    )
    off = policy(tmp_path / "off.toml", "[cart_nudge]\nenabled = false")

    facts = compare(log, [policy(tmp_path / "on.toml"), off], settings=RULES).facts

    nudge = kind(facts.a, "cart_nudge")
    assert (nudge.sent, facts.b.sent) == (4, 0)
    assert (nudge.right.true, nudge.right.known, nudge.right.share) == (2, 3, 2 / 3)
    assert (nudge.bought_24h.true, nudge.bought_24h.known, nudge.bought_later) == (1, 3, 2)
    assert (nudge.lead_to_purchase.count, nudge.lead_to_purchase.p50_ms) == (1, 60 * MINUTE_MS)
    assert (facts.a.abandoned.true, facts.a.abandoned.known, facts.b.abandoned.true) == (4, 4, 0)
    (differing,) = facts.differing
    assert (differing.reason, differing.carts, differing.right.true, differing.bought_later) == (
        "switched_off",
        4,
        2,
        2,
    )
    assert {one.user_id: one.bought_after_ms for one in facts.examples if one.bought_after_ms}.items() <= {
        "ann": 60 * MINUTE_MS,
        "bob": (2 * DAY - 30) * MINUTE_MS,
    }.items()


def test_a_log_in_which_nothing_was_to_be_decided_is_compared_too(tmp_path: Path) -> None:
    log = log_of(tmp_path, event("Product Viewed", 0))

    found = compare(log, [policy(tmp_path / "a.toml"), policy(tmp_path / "b.toml", version="2")], settings=RULES)

    assert (found.facts.a.sent, found.facts.b.sent, found.facts.differing) == (0, 0, ())
    assert (found.facts.a.abandoned.known, found.facts.a.abandoned.share) == (0, None)
    assert "Neither side sends anything" in str(found)
    assert "Neither side sends anything" in found.html()


def test_the_coin_of_a_policy_that_explores_is_a_reason(shop: Path, tmp_path: Path) -> None:
    coin = policy(tmp_path / "coin.toml", '[explore]\nshare = 1.0\nseed = "s"')

    found = compare(shop, [policy(tmp_path / "a.toml"), coin], settings=RULES)

    assert reasons(found) == {("only_a", "holdout"): found.facts.carts.only_a}
    assert 0 < found.facts.carts.only_a < found.facts.a.sent


def test_a_cart_that_was_only_warned_of_says_what_the_other_side_held_back_at_last(stricter: Compared) -> None:
    warned = [one for one in stricter.facts.differing if one.reason == "below_threshold" and one.difference == "only_a"]
    later = [one for one in warned if one.reason_later is not None]

    assert {(one.a_kind, one.reason_later) for one in later} == {("cart_at_risk", "frequency_cap")}
    (silent,) = (one for one in warned if one not in later)
    assert silent.right.true == 0 < silent.right.known  # an abandoned cart gives B one more occasion


def test_the_same_log_and_the_same_policies_give_the_same_bytes(shop: Path, stricter: Compared) -> None:
    files = [stricter.facts.a.policy_file, stricter.facts.b.policy_file]

    again = compare(shop, files, settings=WITH_MODEL, processes=2).facts

    assert msgspec.json.encode(again) == msgspec.json.encode(stricter.facts)
    assert text(again) == text(stricter.facts)


def test_both_replays_are_kept_where_a_folder_was_named_and_tables_can_be_asked(
    stricter: Compared, tmp_path: Path
) -> None:
    out = Path(stricter.facts.a.policy_file).parent / "out"

    lines = sum(len(file.read_bytes().splitlines()) for kind in INTERVENTIONS.values()
                for file in (out / "a" / kind.name).iterdir())  # fmt: skip
    assert lines == stricter.facts.a.sent + stricter.facts.a.retracted
    carts = stricter.facts.carts
    assert len(stricter.differing.fetchall()) == carts.only_a + carts.only_b + carts.both - (carts.same or 0)
    by_side = stricter.decisions.aggregate("side, count(*) AS decisions", "side").fetchall()
    assert dict(by_side) == {"A": stricter.facts.a.decisions, "B": stricter.facts.b.decisions}
