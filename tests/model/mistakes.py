"""Every mistake by name: what a world is made of in which it is made.

The meta record in a transaction after the others does no harm alone (6,500 worlds), because the offset to resume from
stands in it; so it is made together with a restart that takes the offset from the group.
"""

from random import Random
from typing import Any, Final

from tests.model import mistakes_of_decide as decide
from tests.model import mistakes_of_ingest as ingest
from tests.model import mistakes_of_state as state
from tests.model.decide_process import DecideProcess
from tests.model.shop import Habits
from tests.model.world import Parts


def on_time(_rng: Random) -> Habits:
    """Nothing comes too late and nobody is forgotten, so the inputs alone judge every shopper."""
    return Habits(late=False, forgets=False)


def ahead(_rng: Random) -> Habits:
    """Likewise, but some clocks run ahead, and ingest does not clamp them."""
    return Habits(late=False, forgets=False, ahead=True)


def _parts(**classes: type[Any]) -> Parts:
    return Parts(decide=type("MistakenProcess", (DecideProcess,), classes))


MISTAKES: Final[dict[str, Parts]] = {
    "no source fence": _parts(shard_class=state.NoSourceFence),
    "no shopper fence": _parts(shard_class=state.NoShopperFence),
    "shopper fence first": _parts(partition_class=state.ShopperFenceFirst),
    "source fence without ordinal": _parts(shard_class=state.FenceWithoutOrdinal),
    "commit without meta": _parts(partition_class=decide.CommitWithoutMeta),
    "meta in its own transaction before": _parts(writer_class=decide.MetaBefore),
    "meta in its own transaction after": Parts(decide=decide.MetaAfter),
    "emit advances the offset": _parts(partition_class=decide.EmitAdvancesOffset),
    "record before intent": _parts(partition_class=decide.RecordBeforeIntent),
    "emit with half of the intents": _parts(partition_class=decide.EmitInHalves),
    "outputs before the transaction": _parts(writer_class=decide.OutputsBeforeTransaction),
    "retry after unknown outcome": _parts(writer_class=decide.RetryAfterUnknown),
    "facts at the answer": _parts(partition_class=decide.FactsAtAnswer),
    "id of the place": _parts(partition_class=decide.IdOfThePlace),
    "load before init": Parts(decide=decide.LoadBeforeInit),
    "load uncommitted": Parts(decide=decide.LoadUncommitted),
    "unfenced owner": Parts(broker=decide.Unfenced),
    "last tick": _parts(partition_class=state.LastTick),
    "newest tick": _parts(ticker_class=decide.NewestTick),
    "missing progress ignored": _parts(ticker_class=decide.MissingProgressIgnored),
    "no lateness": _parts(ticker_class=decide.NoLateness)._replace(habits=on_time),
    "fire at block end": _parts(partition_class=state.FireAtBlockEnd),
    "timers not rebuilt": _parts(shard_class=state.TimersNotRebuilt),
    "forgets the future": _parts(shard_class=state.ForgetsTheFuture),
    "progress before acks": Parts(ingest=ingest.ProgressBeforeAcks, habits=on_time),
    "progress out of order": Parts(ingest=ingest.ProgressOutOfOrder, habits=on_time),
    "now at publish": Parts(ingest=ingest.NowAtPublish, habits=on_time),
    "log order": Parts(ingest=ingest.LogOrder),
    "append gap": Parts(ingest=ingest.AppendGap),
    "input commit first": Parts(ingest=ingest.InputCommitFirst),
    "clocks ahead": Parts(habits=ahead),
    "key not pure": Parts(ingest=ingest.KeyNotPure),
}
