"""The rules of a step, as the settings have them: the same for workers and for a replay."""

from streams.core.shard import Rules
from streams.settings import Settings


def step_rules(settings: Settings) -> Rules:
    """Settings are in seconds and days, rules in milliseconds. Without a model nothing is asked after an event.

    >>> step_rules(Settings(cart_idle_s=1.5, model="")).cart_idle_ms
    1500
    """
    return Rules(
        cart_idle_ms=round(settings.cart_idle_s * 1_000),
        score_every_ms=round(settings.score_every_s * 1_000),
        shopper_ttl_ms=round(settings.shopper_ttl_days * 86_400_000),
        ask_models=bool(settings.model),
    )
