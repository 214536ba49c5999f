"""Who a record is about."""

import pytest

from schemas.events import Event, ProductsSearched, Searched
from streams.core.refusals import RefusedError
from streams.core.shopper_key import shopper_key


def event(user: str = "", anonymous: str = "") -> Event:
    return ProductsSearched(message_id="m", user_id=user, anonymous_id=anonymous, properties=Searched(query="mug"))


def test_the_user_is_the_key_and_without_one_the_anonymous_id() -> None:
    assert shopper_key(event("ada", "a1")) == b"ada"
    assert shopper_key(event("", "a1")) == b"a1"


def test_the_key_is_the_id_in_utf8_as_it_came() -> None:
    assert shopper_key(event("Ада\N{NO-BREAK SPACE}Л")) == "Ада\N{NO-BREAK SPACE}Л".encode()
    assert shopper_key(event("ü" * 100)) == ("ü" * 100).encode()


@pytest.mark.parametrize("text", ["\x00meta", "a\nb", "a\x7f", "\x85", "x" * 101])
def test_control_characters_and_long_ids_are_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="expected anonymousId of at most 100 characters") as refused:
        shopper_key(event("", text))

    assert refused.value.failure == "invalid_value"


def test_an_event_about_nobody_is_refused() -> None:
    with pytest.raises(RefusedError, match="expected userId or anonymousId, got neither"):
        shopper_key(event())
