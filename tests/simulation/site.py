"""What the processes of a world share: the broker, the group, and the faults that are about."""

from typing import Any, NamedTuple

from tests.simulation.broker import Broker
from tests.simulation.faults import Faults
from tests.simulation.group import Group
from tests.simulation.loop import Loop


class Site(NamedTuple):
    """Where processes run."""

    seed: int
    loop: Loop
    broker: Broker
    group: Group
    faults: Faults
    revocations: list[Any]
