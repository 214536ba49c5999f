"""What can go wrong, each as a function that makes it go wrong, waits, and undoes what can be undone.

When one returns the fault is over: the broker is back, the wire is whole, the process runs or is being restarted.
"""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from typing import Final

from streams.chaos.shops import SESSION_S
from streams.chaos.site import BROKERS, Site

LONG_S: Final = (1.5 * SESSION_S, 2.0 * SESSION_S)
"""Longer than a session: the group has given the partitions to others before it is over."""
HALF_DONE_S: Final = (2.0, 5.0)
"""Longer than offsets are committed apart, shorter than a session: the workers do not know that they are cut off."""
DOWN_S: Final = (2.0, 5.0)
BETWEEN_RESTARTS_S: Final = 4.0


async def kill(site: Site, dice: random.Random) -> None:
    """SIGKILL of a machine's workers."""
    await dice.choice(site.machines).kill()


async def wipe(site: Site, dice: random.Random) -> None:
    """SIGKILL of a machine's workers, and their disks are empty when they start again."""
    await dice.choice(site.machines).kill(wipe=True)


async def terminate(site: Site, dice: random.Random) -> None:
    """SIGTERM of a machine's workers, as a deployment does."""
    await dice.choice(site.machines).restart()


async def roll(site: Site, dice: random.Random) -> None:
    """A rolling restart: one machine after the other."""
    for machine in dice.sample(site.machines, len(site.machines)):
        await machine.restart()
        await asyncio.sleep(BETWEEN_RESTARTS_S)


async def freeze(site: Site, dice: random.Random) -> None:
    """A machine's workers stand still for longer than their session, then go on as if nothing had been: zombies."""
    machine = dice.choice(site.machines)
    machine.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(dice.uniform(*LONG_S))
    finally:
        machine.send_signal(signal.SIGCONT)


async def cut(site: Site, dice: random.Random) -> None:
    """Nothing passes between a machine and a broker for longer than a session."""
    wire = dice.choice(dice.choice(site.network.wires))
    wire.cut()
    try:
        await asyncio.sleep(dice.uniform(*LONG_S))
    finally:
        wire.mend()


async def kill_in_the_middle(site: Site, dice: random.Random) -> None:
    """A wire is cut, so that appends and transactions stand half done, and then the workers behind it are killed."""
    machine = dice.choice(site.machines)
    wire = dice.choice(site.network.wires)[machine.number]
    wire.cut()
    try:
        await asyncio.sleep(dice.uniform(*HALF_DONE_S))
        await machine.kill()
    finally:
        wire.mend()


async def isolate(site: Site, dice: random.Random) -> None:
    """Nothing passes between a machine and any broker for longer than a session: a zombie that still computes."""
    machine = dice.choice(site.machines).number
    wires = [own[machine] for own in site.network.wires]
    for wire in wires:
        wire.cut()
    try:
        await asyncio.sleep(dice.uniform(*LONG_S))
    finally:
        for wire in wires:
            wire.mend()


async def bounce(site: Site, dice: random.Random) -> None:
    """A broker is stopped in good order and started again."""
    await _bounce(site, dice, hard=False)


async def crash(site: Site, dice: random.Random) -> None:
    """A broker is killed and started again."""
    await _bounce(site, dice, hard=True)


async def triton(site: Site, dice: random.Random) -> None:
    """Triton is killed and started again."""
    await site.triton.kill()
    try:
        await asyncio.sleep(dice.uniform(*DOWN_S))
    finally:
        await site.triton.start()


async def _bounce(site: Site, dice: random.Random, *, hard: bool) -> None:
    index = dice.randrange(BROKERS)
    await asyncio.to_thread(site.kafka.stop_broker, index, hard=hard)
    try:
        await asyncio.sleep(dice.uniform(*DOWN_S))
    finally:
        await asyncio.to_thread(site.kafka.start_broker, index)


Nemesis = Callable[[Site, random.Random], Awaitable[None]]
NEMESES: Final[dict[str, Nemesis]] = {
    "worker killed": kill,
    "worker stopped": terminate,
    "worker frozen": freeze,
    "disk wiped": wipe,
    "rolling restart": roll,
    "broker bounced": bounce,
    "broker crashed": crash,
    "wire cut": cut,
    "killed while cut": kill_in_the_middle,
    "machine isolated": isolate,
    "triton killed": triton,
}
OF_BROKERS: Final = {"broker bounced", "broker crashed"}
"""Never two at a time: of three replicas two must acknowledge, so two brokers down are an outage and no test of us."""
