"""A simulated shop's log in a file, and settings to replay it by rules alone or with the model."""

from pathlib import Path

from streams.settings import Settings
from streams.simulate import simulate
from streams.simulator.log import write_arrival

HOUR_MS = 3_600_000
_DEPLOY = Path(__file__).parents[3] / "deploy"
MODELS = _DEPLOY / "models"
RULES = Settings(model="", policy=str(_DEPLOY / "policy.toml"))
WITH_MODEL = Settings(policy=RULES.policy, models_dir=str(MODELS))


def write_shop(folder: Path) -> Path:
    """Three hours of a simulated shop: some 6,000 records, broken ones among them."""
    path = folder / "events.jsonl"
    with path.open("wb") as file:
        for arrival in simulate(seed=5, shoppers=250, duration_ms=3 * HOUR_MS):
            write_arrival(file, arrival)
    return path
