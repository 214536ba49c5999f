"""The circuit breaker: three states, time in the test's hand."""

from inference.client.breaker import Breaker


def test_failures_in_a_row_open_it_and_successes_between_them_do_not() -> None:
    breaker = Breaker(failures=3, open_s=2)

    for _ in range(2):
        breaker.failed(now_s=0)
    breaker.succeeded()
    for _ in range(2):
        breaker.failed(now_s=0)
    assert breaker.state == "closed"
    breaker.failed(now_s=0)

    assert breaker.state == "open"
    assert breaker.opened == 1


def test_an_open_one_lets_nothing_through_until_its_time_is_over_and_then_one_call() -> None:
    breaker = Breaker(failures=1, open_s=2)

    breaker.failed(now_s=10)

    assert not breaker.allows(now_s=11.9)
    assert breaker.allows(now_s=12)
    assert breaker.state == "half_open"
    assert not breaker.allows(now_s=12.1)


def test_what_comes_of_the_one_call_decides() -> None:
    breaker = Breaker(failures=3, open_s=2)
    for _ in range(3):
        breaker.failed(now_s=0)

    assert breaker.allows(now_s=2)
    breaker.failed(now_s=2.1)
    assert not breaker.allows(now_s=4)
    assert breaker.allows(now_s=4.1)
    breaker.succeeded()

    assert breaker.state == "closed"
    assert breaker.allows(now_s=4.1)


def test_a_call_whose_outcome_is_never_told_does_not_block_it_for_ever() -> None:
    breaker = Breaker(failures=1, open_s=2)
    breaker.failed(now_s=0)

    assert breaker.allows(now_s=2)

    assert not breaker.allows(now_s=3.9)
    assert breaker.allows(now_s=4)


def test_after_a_recovery_it_takes_as_many_failures_as_before_to_open_it() -> None:
    breaker = Breaker(failures=2, open_s=2)
    breaker.failed(now_s=0)
    breaker.failed(now_s=0)
    assert breaker.allows(now_s=2)
    breaker.succeeded()

    breaker.failed(now_s=3)

    assert breaker.state == "closed"
