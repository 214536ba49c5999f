"""A chaos run from the first event to the verdict: strike, wait until the shops have caught up, strike again."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, NamedTuple, NoReturn

from schemas.kinds import Kind
from schemas.timeline import SLOT_AT, decode_tick
from schemas.topics import TIMELINE, Topic
from streams.chaos.court import Case, facts_of
from streams.chaos.evidence import gathered
from streams.chaos.facts import Facts, Recovered
from streams.chaos.machine import Place
from streams.chaos.nemeses import NEMESES
from streams.chaos.producer import Producer
from streams.chaos.recovery import Lag
from streams.chaos.schedule import Strike, strikes
from streams.chaos.shops import START_MS, Shop
from streams.chaos.site import Site
from streams.chaos.verdict import LIMIT_S, Run, Struck, Verdict, verdict
from streams.demo.readback import read_back
from streams.embedded.process import ServerError

STARTED_WITHIN_S: Final = 120.0
GONE_WITHIN_S: Final = 180.0
LOOK_EVERY_S: Final = 0.5
Say = Callable[[str], None]


class Asked(NamedTuple):
    """What was asked for. `stop` is set when it should end early."""

    minutes: float
    seed: int
    stop: asyncio.Event


class Session:
    """One run over a site and its shops. `say` is told what happens."""

    def __init__(self, site: Site, shops: Sequence[Shop], asked: Asked, say: Say) -> None:
        self._site, self._shops, self._asked, self._say = site, shops, asked, say
        self._producers = [Producer(shop) for shop in shops]
        self._lags = [Lag(shop.settings) for shop in shops]
        self._struck: list[Struck] = []
        self._recovered: list[Recovered] = []
        self._began_s = time.monotonic()

    async def run(self) -> Verdict:
        """The verdict. What was started here is stopped whatever happens."""
        async with AsyncExitStack() as stack:
            for lag in self._lags:
                await stack.enter_async_context(lag)
            for place in self._places():
                stack.push_async_callback(place.abandon)
                place.start()
            feeding = await stack.enter_async_context(_together([one.run(START_MS) for one in self._producers]))
            await self._start()
            await self._strike()
            await self._settle(feeding)
            codes = await asyncio.gather(*(place.close() for place in self._places()))
            return await self._judged(codes)

    async def _start(self) -> None:
        """Returns when the first events are decided about. A shop that does not begin cannot be disturbed."""
        self._tell("workers start")
        begun = [asyncio.create_task(producer.begun.wait()) for producer in self._producers]
        if (await asyncio.wait(begun, timeout=STARTED_WITHIN_S))[1]:
            await self._give_up(f"the brokers took no event within {STARTED_WITHIN_S:.0f} s")
        if None in await asyncio.gather(*(lag.caught_up_s(STARTED_WITHIN_S) for lag in self._lags)):
            await self._give_up(f"the shops did not begin within {STARTED_WITHIN_S:.0f} s")

    async def _strike(self) -> None:
        asked, dice = self._asked, random.Random(self._asked.seed)
        until_s, rounds = time.monotonic() + asked.minutes * 60, 0
        for strike in strikes(dice):
            if asked.stop.is_set() or (rounds and time.monotonic() >= until_s):
                return
            await _sleep(strike.quiet_s, asked.stop)
            if not asked.stop.is_set():
                await self._one(strike, dice)
                rounds += strike.ends_round

    async def _one(self, strike: Strike, dice: random.Random) -> None:
        self._tell(" and ".join(strike.nemeses))
        began_ms = _now_ms()
        seeds = [random.Random(dice.random()) for _ in strike.nemeses]
        faults = [
            _later(n * strike.apart_s, NEMESES[name](self._site, own))
            for n, (name, own) in enumerate(zip(strike.nemeses, seeds, strict=True))
        ]
        await asyncio.gather(*faults)
        self._struck.append(Struck(strike.nemeses, began_ms, _now_ms()))
        await self._caught_up()

    async def _caught_up(self) -> None:
        at_ms = _now_ms()
        took = await asyncio.gather(*(lag.caught_up_s(LIMIT_S) for lag in self._lags))
        self._recovered += [Recovered(at_ms, took_s) for took_s in took]
        for shop, lag, took_s in zip(self._shops, self._lags, took, strict=True):
            told = f"not after {LIMIT_S:.0f} s, {await lag.behind()}" if took_s is None else f"after {took_s:.1f} s"
            self._tell(f"  shop {shop.name}: lag 0 {told}")

    async def _settle(self, feeding: "asyncio.Future[list[None]]") -> None:
        """Close the shops, and return when everything that was sent is decided and committed."""
        self._tell("the shops close")
        for shop in self._shops:
            shop.traffic.close()
        await asyncio.wait({feeding}, timeout=GONE_WITHIN_S)
        if not feeding.done():
            await self._give_up(f"the brokers did not take the rest of the events within {GONE_WITHIN_S:.0f} s")
        feeding.result()
        try:
            async with asyncio.timeout(LIMIT_S):
                for shop, producer in zip(self._shops, self._producers, strict=True):
                    await _ticked(shop, producer)
        except TimeoutError:
            self._recovered.append(Recovered(_now_ms(), None))
        await self._caught_up()

    async def _judged(self, codes: Sequence[int | None]) -> Verdict:
        self._tell("everything is read back and judged")
        facts = [await self._facts(*pair) for pair in zip(self._shops, self._producers, strict=True)]
        ended = [ended for place in self._places() for ended in place.ended]
        workers, asked = len(self._site.machines), self._asked
        run = Run(asked.seed, workers, self._struck, _now_ms(), self._recovered, codes, ended)
        whole = Facts(
            sent=[fact for one in facts for fact in one.sent],
            wrongs=[fact for one in facts for fact in one.wrongs],
            aborted=[fact for one in facts for fact in one.aborted],
            committed=[fact for one in facts for fact in one.committed],
            again=[fact for one in facts for fact in one.again],
            recovered=self._recovered,
            ticks=[fact for one in facts for fact in one.ticks],
            interventions=[fact for one in facts for fact in one.interventions],
            ended=ended,
            taken=[fact for one in facts for fact in one.taken],
        )
        return verdict(run, whole)

    async def _facts(self, shop: Shop, producer: Producer) -> Facts:
        evidence = await gathered(shop.settings)
        return await asyncio.to_thread(facts_of, Case(shop, evidence, producer.sent))

    async def _give_up(self, why: str) -> NoReturn:
        logs = [place.folder / "worker.log" for place in self._places()]
        said = " | ".join(log.read_text(errors="replace")[-300:] for log in logs if log.exists())
        raise ServerError(f"{why}: {[await lag.behind() for lag in self._lags]}; {said}")

    def _places(self) -> list[Place]:
        return [place for machine in self._site.machines for place in machine.places]

    def _tell(self, what: str) -> None:
        self._say(f"{time.monotonic() - self._began_s:6.1f} s  {what}")


@asynccontextmanager
async def _together(runs: "list[Coroutine[Any, Any, None]]") -> AsyncIterator["asyncio.Future[list[None]]"]:
    gathering = asyncio.gather(*runs)
    try:
        yield gathering
    finally:
        gathering.cancel()
        await asyncio.gather(gathering, return_exceptions=True)


async def _ticked(shop: Shop, producer: Producer) -> None:
    """Returns when every timeline partition has been told the time that the feed told last."""
    if not shop.speed:
        return  # the wall clock goes on for ever
    wanted_ms = producer.told_ms - round(shop.settings.lateness_s * 1_000)
    while True:
        ticks = dict.fromkeys(range(shop.settings.timeline_partitions), -1)

        def take(_: Topic, record: Any, ticks: dict[int, int] = ticks) -> None:
            if record.value[SLOT_AT] == Kind.TICK:
                ticks[record.partition] = max(ticks[record.partition], decode_tick(record.value).at_ms)

        await read_back(shop.settings, [TIMELINE], take)
        if min(ticks.values()) > wanted_ms - 1_000:
            return
        await asyncio.sleep(LOOK_EVERY_S)


async def _later(seconds: float, fault: Awaitable[None]) -> None:
    await asyncio.sleep(seconds)
    await fault


async def _sleep(seconds: float, stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
