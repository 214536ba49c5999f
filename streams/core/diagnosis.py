"""Why the fast decoder refused a body. Slow, and only for what was refused: the first failure in the promised order."""

import re
from functools import cache
from itertools import islice
from typing import Any, Final, get_args

import msgspec

from schemas.events import Event
from streams.core.clock import no_time
from streams.core.entries import MOST_PRODUCTS
from streams.core.refusals import RefusedError, shown
from streams.core.shopper_key import no_shopper

_DEPTH: Final = 4
"""How deep the fields of the schemas lie: $.properties.products[].price."""

_decode = msgspec.json.Decoder(float_hook=float).decode
_TYPES: Final = {str(record.__struct_config__.tag): record for record in get_args(Event)}
_MESSAGE: Final = re.compile(
    r"(?:Expected (?P<expected>.*?)(?:, got .*)?|(?P<other>.*?)) - at (?:`key` in )?`\$(?P<path>.*)`"
)
_STEP: Final = re.compile(r"\.(\w+)|\[(\d+)\]")


def diagnosed(body: bytes) -> Event:
    """The event of a body that the fast decoder refused: it is believed after all if only nulls stood in the way.

    Null counts as absent (Segment's own libraries send `"userId": null`). Raises `RefusedError`: undecodable,
    unknown_type, missing_field or invalid_value, whichever is first in this order.
    """
    plain = _without_nulls(_object(body), _DEPTH)
    record = _record(plain)
    _check_there(plain, record)
    try:
        event: Event = msgspec.convert(plain, record)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), plain) from error
    return event


def _object(body: bytes) -> dict[str, Any]:
    try:
        plain = _decode(body)
    except msgspec.ValidationError as error:
        raise RefusedError("invalid_value", "numbers of at most 4,300 digits", shown(body)) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RefusedError("undecodable", "a JSON object", f"{shown(body)} ({error})") from error
    except RecursionError as error:
        raise RefusedError("undecodable", "a JSON object", f"{shown(body)} (nested too deeply)") from error
    if not isinstance(plain, dict):
        raise RefusedError("undecodable", "a JSON object", shown(plain))
    return plain


def _without_nulls(value: Any, depth: int) -> Any:
    if isinstance(value, dict) and depth:
        return {name: _without_nulls(inner, depth - 1) for name, inner in value.items() if inner is not None}
    if isinstance(value, list) and depth:
        return [_without_nulls(inner, depth - 1) for inner in value]
    return value


def _record(plain: dict[str, Any]) -> Any:
    name = plain.get("event")
    record = _TYPES.get(name) if isinstance(name, str) else None
    if record is None:
        expected = f"event to be one of {', '.join(_TYPES)}"
        raise RefusedError("unknown_type", expected, shown(name) if "event" in plain else "none")
    return record


def _check_there(plain: dict[str, Any], record: Any) -> None:
    path = _missing(plain, record)
    if path is not None:
        raise RefusedError("missing_field", path, "nothing")
    if all(plain.get(name, "") == "" for name in ("userId", "anonymousId")):
        raise no_shopper()
    if not {"originalTimestamp", "timestamp"} & plain.keys():
        raise no_time()


def _missing(value: Any, record: Any) -> str | None:
    """The path of the first required field that is not in a value of plain dicts and lists, None if all are."""
    if isinstance(value, list):
        paths = ((n, _missing(inner, record)) for n, inner in enumerate(islice(value, MOST_PRODUCTS)))
        return next((f"[{n}].{path}" for n, path in paths if path is not None), None)
    if not isinstance(value, dict):
        return None  # a wrong type, which is the next check
    for name, required, inner in _fields(record):
        if required and name not in value:
            return name
        path = None if inner is None else _missing(value.get(name), inner)
        if path is not None:
            return f"{name}{path}" if path.startswith("[") else f"{name}.{path}"
    return None


@cache
def _fields(record: Any) -> list[tuple[str, bool, Any]]:
    """Name in the JSON, whether it is required, and the record it holds (one or a list), of each field."""
    return [(field.encode_name, field.required, _struct_in(field.type)) for field in msgspec.structs.fields(record)]


def _struct_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _struct_in(inner)) is not None), None)


def _invalid(message: str, plain: dict[str, Any]) -> RefusedError:
    found = _MESSAGE.fullmatch(message)
    if found is None:
        return RefusedError("invalid_value", "a valid event", shown(message))
    path = found["path"]
    expected = found["expected"] or f"a valid value ({found['other']})"
    return RefusedError("invalid_value", f"{expected} in {path.lstrip('.')}", shown(_at(plain, path)))


def _at(value: Any, path: str) -> Any:
    """What stands at a path like `.properties.products[0].price`, or the part of it that a path can name."""
    for name, index in _STEP.findall(path):
        value = value[name] if name else value[int(index)]
    return value
