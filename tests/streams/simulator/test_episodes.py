"""The truth about episodes is what the core, fed with the noisy log in event-time order, finds by its own rules."""

from collections import Counter, defaultdict
from itertools import pairwise

from schemas.dead_letters import DeadLetter
from schemas.kinds import FIRST_CART, LAST_PURCHASE
from schemas.shopper import Shopper, Waiting
from schemas.timeline import decode_entry
from schemas.topics import INPUTS
from streams.core.clean import CleanRules, Input, clean
from streams.core.episodes import NEVER, advance, wait
from streams.simulate import simulate
from streams.simulator.process import IDLE_MS
from streams.simulator.truth import Chance, Episode

RULES = CleanRules(trust_append_time=False)
TOPIC_IDS = {topic.name: topic.id for topic in INPUTS}


def test_the_core_finds_the_same_episodes_with_the_same_ends() -> None:
    truth: list[Chance | Episode] = []
    shoppers: dict[bytes, Shopper] = defaultdict(Shopper)
    seen = set()

    for offset, arrival in enumerate(simulate(7, 1_500, 36 * 3_600_000, truth=truth.append)):
        source = Input(arrival.topic, TOPIC_IDS[arrival.topic], 0)
        record = clean(source, offset, arrival.value, [], arrival.at_ms, RULES)
        if isinstance(record, DeadLetter):
            continue
        entry = decode_entry(record[1])
        if FIRST_CART <= entry.slot.kind <= LAST_PURCHASE and entry.detail.message_id not in seen:
            seen.add(entry.detail.message_id)
            wait(shoppers[record[0]], Waiting(entry.slot.at_ms, tuple(entry.source), entry.slot.kind, entry.detail))
    abandoned = {
        (key.decode(), happened.abandoned.key, happened.abandoned.opened_ms, happened.abandoned.deadline_ms)
        for key, shopper in shoppers.items()
        for happened in advance(shopper, NEVER - 1, IDLE_MS)
        if happened.abandoned
    }

    episodes = [fact for fact in truth if isinstance(fact, Episode)]
    outcomes = Counter(episode.outcome for episode in episodes)
    for outcome in ("abandoned", "bought", "emptied", "merged"):
        assert sum(getattr(shopper, outcome) for shopper in shoppers.values()) == outcomes[outcome] > 20
    assert sum(shopper.episodes for shopper in shoppers.values()) == len(episodes)
    assert abandoned == {
        (fact.key, fact.cart_id, fact.opened_ms, fact.at_ms) for fact in episodes if fact.outcome == "abandoned"
    }


def test_carts_are_resumed_in_time_and_too_late_and_several_are_open_at_times() -> None:
    truth: list[Chance | Episode] = []

    list(simulate(8, 1_500, 36 * 3_600_000, truth=truth.append))

    events: dict[str, list[int]] = defaultdict(list)
    carts: Counter[tuple[str, str]] = Counter()
    open_at_once: Counter[str] = Counter()
    for fact in truth:
        if isinstance(fact, Chance):
            events[fact.episode].append(fact.at_ms)
            open_at_once[fact.message_id] += 1
        elif fact.cart_id:
            carts[fact.key, fact.cart_id] += 1
    gaps = [late - early for times in events.values() for early, late in pairwise(times)]
    assert sum(10 * 60_000 < gap < IDLE_MS for gap in gaps) > 50
    assert max(carts.values()) > 1
    assert max(open_at_once.values()) >= 2
    assert {fact.episode for fact in truth if isinstance(fact, Episode)} == set(events)
