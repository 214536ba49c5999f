"""Random logs: everything that may happen in one, from a seed."""

import random

from tests.streams.builders import Log

IDLE_S = 30 * 60
DAY_S = 86_400


def random_log(seed: int, length: int = 60, late: bool = True, away: bool = False) -> Log:
    """Events of three shoppers that wander about in time, with repeats, and TICKs that run behind them.

    `late`: some events come long after they happened. `away`: now and then the shop sleeps for weeks.
    """
    rng, log, now, ticked = random.Random(seed), Log(), 0.0, 0.0
    for number in range(length):
        now += rng.choice((0, 1, 4, 60, 700, 2_000)) + (away and rng.random() < 0.1) * 40 * DAY_S
        user, at_s = rng.choice(("ann", "bob", "eve")), max(0.0, now - (rng.choice((0, 0, 0, 3, 5_000)) if late else 0))
        kind = rng.choice((log.view, log.view, log.cart, log.cart, log.remove, log.buy))
        kind(at_s, user=user, id_=f"m{rng.randrange(number + 1)}", cart_id=rng.choice(("", "", "a")))
        if rng.random() < 0.05:
            log.consent(now, granted=rng.random() < 0.5, user=user)
        if rng.random() < 0.1:
            log.records.append(log.records[-1]._replace(offset=len(log.records)))  # ingest appended it twice
        if rng.random() < 0.4:
            ticked = max(ticked, now - 5)
            log.tick(ticked)
    return log.tick(now + 3 * IDLE_S)
