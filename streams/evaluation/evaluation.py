"""An evaluation: a model judged on the test part of examples, with all that is needed to judge it again."""

from pathlib import Path

import msgspec

from inference.dataset import EXAMPLES_FILE
from inference.export import CARD_FILE
from inference.judge.draws import CONFIDENCE, Drawing
from inference.judge.judgement import Judgement
from inference.trained import REPORT_FILE
from streams.replay.data_quality import DataQuality


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """`intervals` says how they were made. `warnings` are what must be known before a figure is believed."""

    model: str
    examples: DataQuality
    seed: int
    intervals: str
    warnings: list[str]
    heads: list[Judgement]


class _From(msgspec.Struct):
    sha256: str = ""
    source: str = ""


class _Facts(msgspec.Struct):
    examples_from: _From = msgspec.field(default_factory=_From)


def evaluation(model: Path, quality: DataQuality, how: Drawing, heads: list[Judgement]) -> Evaluation:
    """The evaluation of the model in a folder."""
    return Evaluation(
        model=str(model),
        examples=quality,
        seed=how.seed,
        intervals=f"{100 * CONFIDENCE:g} %, {how.times} bootstrap draws of shoppers, seed {how.seed}",
        warnings=[*_strange(model, quality), *quality.too_thin],
        heads=heads,
    )


def _strange(model: Path, quality: DataQuality) -> list[str]:
    """That the model learned from other examples: perhaps from these shoppers, later in time."""
    known = [
        file for file in (model / REPORT_FILE, model / CARD_FILE, *model.glob(f"[0-9]*/{CARD_FILE}")) if file.exists()
    ]
    learned = [msgspec.json.decode(file.read_bytes(), type=_Facts).examples_from for file in known]
    if any(one.sha256 == quality.sha256 for one in learned):
        return []
    named = ", ".join(one.source for one in learned if one.source) or "nobody knows what"
    return [
        f"The model learned from {named}, and not from the training part of {quality.source or EXAMPLES_FILE}: where "
        "both hold the same shoppers at the same time, the figures flatter it."
    ]
