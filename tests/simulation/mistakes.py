"""Every mistake by name: what the workers of a world are made of in which it is made."""

from typing import Final

from tests.simulation.worker import Parts

MISTAKES: Final[dict[str, Parts]] = {}
