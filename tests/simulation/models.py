"""The models of a world: they answer differently each time, or late, or not at all, or with nonsense."""

import asyncio
from collections.abc import Sequence
from random import Random

import numpy as np

from inference.answers import Answer
from inference.client.checked import checked
from inference.client.failure import NoAnswerError
from inference.inputs import ACTIONS, Request
from schemas.decisions import Model
from tests.simulation.faults import Faults

MODEL = Model(name="simulated", version="1")
ANSWERS_S = 0.005
SLOW_S = 10.0


class SimulatedScorer:
    """A `Scorer`, as the Triton client is one: its answers go through the production check."""

    def __init__(self, faults: Faults, rng: Random) -> None:
        self._faults, self._rng = faults, rng

    async def score(self, requests: Sequence[Request]) -> Answer:
        """Raises `NoAnswerError`."""
        state = self._faults.model
        await asyncio.sleep(SLOW_S if state == "slow" else ANSWERS_S)
        if state == "down":
            raise NoAnswerError("unavailable", "expected the simulated model, it is down")
        answers = self._answers(len(requests))
        if state == "nan":
            answers["purchase_24h"][0] = np.nan
        elif state == "shape":
            answers["next_action"] = answers["next_action"][:, 1:]
        return Answer("model", MODEL, checked(answers, len(requests), "the simulation"))

    def _answers(self, count: int) -> dict[str, np.ndarray]:
        rng = self._rng
        action = np.zeros((count, ACTIONS), np.float32)
        action[:, 0] = 1
        chances = np.array([[rng.random(), rng.random()] for _ in range(count)], np.float32)
        return {"purchase_24h": chances[:, 0].copy(), "abandon_30m": chances[:, 1].copy(), "next_action": action}
