"""The transport is found by its URL, and Faust takes the settings it asks for: those of FAUST.md, each explained."""

from pathlib import Path
from typing import Any

import faust
import pytest
from faust.transport import by_url
from faust.types.enums import ProcessingGuarantee
from yarl import URL

from inference.client.ladder import Ladder
from streams.app import build
from streams.settings import Settings
from streams.transport.agent import BlockAgent
from streams.transport.assignor import Assignor
from streams.transport.driver import Transport
from streams.transport.settings import Options, configure, faust_settings, options_of, static_member

ROOT = Path(__file__).parents[3]
PINNED: dict[str, Any] = {  # FAUST.md, 3.g, but for the compression: snappy where it says lz4, for DESIGN.md's reason
    "processing_guarantee": ProcessingGuarantee.AT_LEAST_ONCE,
    "stream_wait_empty": False,
    "broker_max_poll_interval": 86_400,
    "broker_session_timeout": 45,
    "broker_rebalance_timeout": 60,
    "broker_request_timeout": 90,
    "topic_allow_declare": False,
    "topic_disable_leader": True,
    "table_standby_replicas": 1,
    "producer_acks": -1,
    "producer_compression_type": "snappy",
    "producer_threaded": False,
    "web_enabled": False,
    "web_tables_enabled": False,
    "web_graph_enabled": False,
    "consumer_auto_offset_reset": "earliest",
    "worker_redirect_stdouts": False,
}


def app_of(**settings: Any) -> faust.App:
    """The app of a worker, as it runs."""
    return build(Settings(policy=str(ROOT / "deploy/policy.toml"), **settings), Ladder([])).app


@pytest.mark.parametrize("name", PINNED)
async def test_a_worker_runs_with_what_faust_md_pins(name: str) -> None:
    assert getattr(app_of(session_timeout_s=45.0).conf, name) == PINNED[name]


@pytest.mark.parametrize("name", [*faust_settings(), *static_member("kairos-0")])
async def test_every_setting_reaches_the_running_app_and_is_explained(name: str) -> None:
    wanted = (faust_settings() | static_member("kairos-0"))[name]

    assert as_given(getattr(app_of(instance_id="kairos-0").conf, name)) == wanted
    assert f"`{name}`" in faust_settings.__doc__ or (name.startswith("web_") and "`web_*`" in faust_settings.__doc__)


def as_given(value: Any) -> Any:
    """A setting as Faust keeps it, in the form in which it is given: a class by its name, an enumeration's value."""
    if isinstance(value, type):
        return f"{value.__module__}:{value.__qualname__}"
    if isinstance(value, ProcessingGuarantee):
        return value.value
    return str(value) if isinstance(value, URL) else value


async def test_a_long_session_is_a_session_that_faust_takes() -> None:
    conf = app_of(session_timeout_s=600.0).conf

    assert conf.broker_request_timeout == conf.broker_session_timeout == 600


async def test_a_worker_without_a_name_is_no_static_member_and_one_with_a_name_always_has_the_same_url() -> None:
    assert app_of().conf.consumer_group_instance_id is None
    assert app_of(instance_id="a.b_c-1").conf.canonical_url == app_of(instance_id="a.b_c-1").conf.canonical_url
    assert app_of(instance_id="a.b_c-1").conf.canonical_url != app_of(instance_id="a.b_c-2").conf.canonical_url


@pytest.mark.parametrize("standbys", [0, 1, 2])
async def test_the_sticky_assignor_is_there_with_any_number_of_standbys(standbys: int) -> None:
    assignor = app_of(standbys=standbys).assignor

    assert isinstance(assignor, Assignor)
    assert assignor.replicas == standbys


def test_the_blocks_scheme_names_our_transport() -> None:
    assert by_url(URL("blocks://127.0.0.1:9092")) is Transport


def test_faust_takes_the_settings_and_makes_our_agents() -> None:
    app = faust.App("settings", broker="blocks://127.0.0.1:9092", **faust_settings())

    assert app.conf.Agent is BlockAgent
    assert app.conf.broker_request_timeout >= app.conf.broker_session_timeout
    assert not app.conf.stream_wait_empty


def test_an_app_is_configured_once_and_has_defaults_without_it() -> None:
    app = faust.App("options", broker="blocks://127.0.0.1:9092", **faust_settings())

    assert options_of(app) == Options()
    configure(app, Options(gated=frozenset({"timeline"})))
    assert options_of(app).gated == {"timeline"}
