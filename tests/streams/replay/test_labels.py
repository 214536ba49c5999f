"""What came of a moment, and what nobody can know yet."""

import math
import random

import pytest

from schemas.kinds import Kind
from schemas.shopper import Waiting
from schemas.timeline import Detail, Item
from streams.replay.labels import Episode, Outcome, Story

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
IDLE_MS = 30 * MINUTE_MS
MUG = (Item("mug", 1_000),)
NAN = float("nan")


class Told:
    """A shopper's events, by the minute."""

    def __init__(self) -> None:
        self.events: list[Waiting] = []

    def add(self, kind: Kind, minute: float, cart: str = "", previous: str = "") -> "Told":
        number = len(self.events)
        detail = Detail(f"m{number}", MUG, cart_id=cart, previous_cart_id=previous)
        self.events.append(Waiting(round(minute * MINUTE_MS), (2, 0, number, 0), kind, detail))
        return self

    def view(self, minute: float) -> "Told":
        return self.add(Kind.PRODUCT_VIEWED, minute)

    def cart(self, minute: float, cart: str = "", previous: str = "") -> "Told":
        return self.add(Kind.PRODUCT_ADDED, minute, cart, previous)

    def remove(self, minute: float) -> "Told":
        return self.add(Kind.PRODUCT_REMOVED, minute)

    def buy(self, minute: float, cart: str = "") -> "Told":
        return self.add(Kind.ORDER_COMPLETED, minute, cart)

    def story(self, until_minute: float = 3 * 24 * 60) -> Story:
        return Story(self.events, round(until_minute * MINUTE_MS), IDLE_MS)


def abandoned(story: Story, minute: float, cart: str | None = "") -> float:
    return story.outcome(round(minute * MINUTE_MS), cart).abandon_30m


def test_a_cart_that_is_left_for_thirty_minutes_is_abandoned():
    assert abandoned(Told().cart(0).story(), 0) == 1.0


def test_a_cart_that_is_bought_is_not():
    assert abandoned(Told().cart(0).view(5).buy(20).story(), 5) == 0.0


def test_a_purchase_after_the_deadline_does_not_undo_it():
    assert abandoned(Told().cart(0).buy(30).story(), 0) == 1.0


def test_emptied_and_merged_carts_are_not_abandoned():
    assert abandoned(Told().cart(0).remove(5).story(), 0) == 0.0
    assert abandoned(Told().cart(0, "phone").cart(5, "laptop", previous="phone").story(), 0, "phone") == 0.0


def test_activity_in_the_cart_postpones_the_end():
    assert abandoned(Told().cart(0).cart(29).buy(58).story(), 0) == 0.0


def test_the_next_episode_of_the_same_cart_has_an_outcome_of_its_own():
    story = Told().cart(0).cart(100).buy(110).story()

    assert (abandoned(story, 0), abandoned(story, 105)) == (1.0, 0.0)


def test_of_two_carts_the_one_that_was_asked_about_counts():
    story = Told().cart(0, "a").cart(1, "b").buy(2, "a").story()

    assert (abandoned(story, 1, "a"), abandoned(story, 1, "b")) == (0.0, 1.0)


def test_without_a_cart_and_between_two_there_is_no_outcome():
    story = Told().cart(0).buy(10).cart(100).story()

    assert math.isnan(abandoned(story, 5, None))
    assert math.isnan(abandoned(story, 5, "another"))
    assert math.isnan(abandoned(story, 50))


@pytest.mark.parametrize(("until_minute", "known"), [(29.999, False), (30, True)])
def test_what_the_log_does_not_reach_is_not_known(until_minute, known):
    assert math.isnan(abandoned(Told().cart(0).story(until_minute), 0)) is not known


def test_episodes_say_when_they_began_and_ended():
    story = Told().cart(0).buy(10).cart(20).cart(100).story(until_minute=110)

    ended = [Episode("", 0, 10 * MINUTE_MS, False), Episode("", 20 * MINUTE_MS, 50 * MINUTE_MS, True)]
    assert story.episodes == [*ended, Episode("", 100 * MINUTE_MS, 110 * MINUTE_MS, None)]


def outcome(told: Told, at_ms: int, until_ms: int = 10 * DAY_MS) -> Outcome:
    return Story(told.events, until_ms, IDLE_MS).outcome(at_ms, None)


@pytest.mark.parametrize(
    ("at_ms", "buys"),
    [(0, 1.0), (HOUR_MS - 1, 1.0), (HOUR_MS, 0.0), (HOUR_MS - DAY_MS, 1.0), (HOUR_MS - DAY_MS - 1, 0.0)],
)
def test_a_purchase_counts_when_it_comes_later_and_within_a_day(at_ms, buys):
    assert outcome(Told().buy(60), at_ms).purchase_24h == buys


def test_near_the_end_of_the_log_no_purchase_is_known_not_even_one_that_came():
    told = Told().buy(60)

    assert outcome(told, 0, until_ms=DAY_MS).purchase_24h == 1.0
    assert math.isnan(outcome(told, 0, until_ms=DAY_MS - 1).purchase_24h)


@pytest.mark.parametrize(
    ("minute", "action"),
    [(0, Kind.PRODUCT_ADDED), (29.9, Kind.PRODUCT_ADDED), (30, Kind.ORDER_REFUNDED), (-0.1, 0), (40, 0)],
)
def test_the_next_action_is_the_next_event_within_half_an_hour(minute, action):
    told = Told().cart(30).add(Kind.ORDER_REFUNDED, 40)

    assert outcome(told, round(minute * MINUTE_MS)).next_action == action


def test_an_action_that_no_model_predicts_is_masked():
    assert outcome(Told().add(Kind.CONSENT_UPDATED, 10), 0).next_action == -1


def test_near_the_end_of_the_log_no_next_action_is_known():
    assert outcome(Told().view(10), 0, until_ms=29 * MINUTE_MS).next_action == -1


@pytest.mark.parametrize("seed", range(20))
def test_the_order_in_which_events_were_received_does_not_matter(seed):
    rng, told = random.Random(seed), Told()
    for _ in range(40):
        rng.choice([told.view, told.cart, told.cart, told.remove, told.buy])(rng.randrange(500))
    shuffled = rng.sample(told.events, len(told.events))

    assert Story(shuffled, DAY_MS, IDLE_MS).episodes == told.story(24 * 60).episodes


@pytest.mark.parametrize(("minute", "buys"), [(0, 1.0), (-0.01, 0.0), (59.9, 1.0), (60, 0.0)])
def test_a_purchase_within_the_hour_counts(minute, buys):
    assert outcome(Told().buy(60), round(minute * MINUTE_MS)).purchase_1h == buys


@pytest.mark.parametrize(("bought", "buys"), [(69, 1.0), (69.99, 1.0), (70, 0.0)])
def test_a_session_ends_with_half_an_hour_of_quiet(bought, buys):
    told = Told().view(20).view(40).buy(bought)

    assert outcome(told, 0).purchase_session == buys


def test_the_quiet_before_the_question_is_no_part_of_it_but_that_after_it_is():
    assert outcome(Told().view(0).buy(50), 25 * MINUTE_MS).purchase_session == 1.0
    assert outcome(Told().view(0).buy(50), 15 * MINUTE_MS).purchase_session == 0.0


def test_a_session_that_the_log_cuts_off_is_not_known_not_even_one_that_bought():
    told = Told().buy(10)

    assert outcome(told, 0, until_ms=40 * MINUTE_MS).purchase_session == 1.0
    assert math.isnan(outcome(told, 0, until_ms=40 * MINUTE_MS - 2).purchase_session)


@pytest.mark.parametrize(("days", "left"), [(29.9, 0.0), (30, 0.0), (30.1, 1.0)])
def test_who_does_nothing_for_thirty_days_has_left(days, left):
    told = Told().view(0).view(days * 24 * 60)

    assert outcome(told, 0, until_ms=40 * DAY_MS).churn_30d == left


def test_nobody_is_known_to_have_left_before_the_log_has_gone_on_for_thirty_days():
    assert math.isnan(outcome(Told().view(0), 0, until_ms=30 * DAY_MS - 1).churn_30d)
    assert outcome(Told().view(0), 0, until_ms=30 * DAY_MS).churn_30d == 1.0


@pytest.mark.parametrize(
    ("after_s", "stretch"), [(10, 0), (10.5, 1), (60, 1), (299, 2), (1_800, 3), (1_801, 4), (86_400, 5), (86_401, 6)]
)
def test_the_next_event_comes_in_one_of_the_stretches(after_s, stretch):
    assert outcome(Told().view(after_s / 60), 0).next_event == stretch


def test_no_next_event_is_the_last_stretch_once_a_day_has_passed():
    assert outcome(Told(), 0, until_ms=DAY_MS).next_event == 6
    assert outcome(Told().view(1), 0, until_ms=DAY_MS - 1).next_event == -1
