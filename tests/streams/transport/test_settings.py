"""The transport is found by its URL, and Faust takes the settings it asks for."""

import faust
from faust.transport import by_url
from yarl import URL

from streams.transport.agent import BlockAgent
from streams.transport.driver import Transport
from streams.transport.settings import Options, configure, faust_settings, options_of


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
