"""Who a record is about: the Kafka key of the timeline, and of everything that follows from it."""

import re
from typing import Final

from schemas.events import Event
from streams.core.refusals import RefusedError, shown

LONGEST: Final = 100
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""A zero byte at the start is the meta record's mark; the others break logs, headers and terminals."""


def shopper_key(event: Event) -> bytes:
    """The user id, else the anonymous id, in UTF-8. Raises `RefusedError`: missing_field, invalid_value.

    Both ids are compared as they come: who is who is decided later, where it can be undone.
    """
    text = event.user_id or event.anonymous_id
    if not text:
        raise no_shopper()
    if len(text) > LONGEST or not (text.isprintable() or _CONTROL.search(text) is None):
        name = "userId" if event.user_id else "anonymousId"
        expected = f"{name} of at most {LONGEST} characters without control characters"
        raise RefusedError("invalid_value", expected, f"{len(text)} characters: {shown(text)}")
    return text.encode()


def no_shopper() -> RefusedError:
    """What is raised where an event is about nobody."""
    return RefusedError("missing_field", "userId or anonymousId", "neither")
