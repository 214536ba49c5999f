"""The settings of a process: read once from the environment, at the start."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

PREFIX: Final = "KAIROS_"
Stage = Literal["ingest", "decide"]
_ADDRESSES: Final = r"^[^\s,]+:\d+(,[^\s,]+:\d+)*$"
_NAME: Final = r"^[A-Za-z0-9._-]+$"
_YEAR_S: Final = 365 * 86_400


def _about(unit: str, meaning: str, **limits: Any) -> msgspec.Meta:
    return msgspec.Meta(description=meaning, extra={"unit": unit}, **limits)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What can be set, each as the environment variable `KAIROS_<NAME>`. `kairos settings` prints this as a table."""

    broker: Annotated[str, _about("host:port", "Kafka's bootstrap servers, with commas", pattern=_ADDRESSES)] = (
        "127.0.0.1:9092"
    )
    app_id: Annotated[str, _about("name", "consumer group and transactional ids begin with it", pattern=_NAME)] = (
        "kairos"
    )
    topic_prefix: Annotated[
        str, _about("text", "put before every topic's name, so that two shops can share a broker", pattern=r"^[\w.-]*$")
    ] = ""
    timeline_partitions: Annotated[
        int, _about("partitions", "of the timeline and what goes with it; never changes", ge=1, le=4096)
    ] = 8
    replication: Annotated[int, _about("copies", "of every topic that is created; 3 in production", ge=1, le=9)] = 1
    transactions: Annotated[
        Literal["auto", "on", "off"], _about("choice", "Kafka transactions; auto: where the broker has them")
    ] = "auto"
    clock: Annotated[
        Literal["wall", "topic"], _about("choice", "log time is the wall clock's, or read from the clock topic")
    ] = "wall"
    lateness_s: Annotated[
        float, _about("s", "how much later than its successors an event may come", ge=0, le=_YEAR_S)
    ] = 5.0
    max_clock_ahead_s: Annotated[
        float, _about("s", "an event further ahead of log time than this is a dead letter", ge=0, le=_YEAR_S)
    ] = 60.0
    cart_idle_s: Annotated[float, _about("s", "a cart without activity for so long is abandoned", gt=0, le=_YEAR_S)] = (
        1800.0
    )
    score_every_s: Annotated[
        float, _about("s of log time", "a shopper is scored at most so often", ge=0, le=_YEAR_S)
    ] = 5.0
    emit_every_ms: Annotated[int, _about("ms", "shortest time between two emit transactions", ge=1)] = 50
    commit_every_s: Annotated[
        float, _about("s", "time between two commit transactions; five times that under load", gt=0, le=_YEAR_S)
    ] = 1.0
    shopper_ttl_days: Annotated[float, _about("days", "a shopper idle for so long is forgotten", gt=0, le=36_500)] = (
        30.0
    )
    shoppers_in_memory: Annotated[
        int, _about("shoppers", "of a worker, the rest on its disk; 0: all, nothing on disk", ge=0, le=1_000_000_000)
    ] = 1_000_000
    triton: Annotated[
        str,
        _about(
            "host:port", "Triton's gRPC address; empty: the model runs in this process", pattern=rf"{_ADDRESSES}|^$"
        ),
    ] = "127.0.0.1:8001"
    model: Annotated[
        str, _about("name", "the model in Triton's repository; empty: rules alone", pattern=r"^[\w.-]*$")
    ] = "abandon_lstm"
    previous_version: Annotated[
        int, _about("version", "of the model, decides where its newest does not answer; 0: none", ge=0)
    ] = 0
    inference_deadline_ms: Annotated[int, _about("ms", "after so long without an answer the rules decide", ge=1)] = 150
    models_dir: Annotated[str, _about("path", "the Triton model repository", min_length=1)] = "deploy/models"
    policy: Annotated[str, _about("path", "the policy's TOML file", min_length=1)] = "deploy/policy.toml"
    stages: Annotated[tuple[Stage, ...], _about("choices", "what this worker does, with commas", min_length=1)] = (
        "ingest",
        "decide",
    )
    session_timeout_s: Annotated[
        float, _about("s", "a worker that is silent for so long loses its partitions", ge=6, le=1800)
    ] = 30.0
    instance_id: Annotated[
        str,
        _about(
            "name",
            "keeps a worker's partitions through a restart; no two alike; empty: none",
            pattern=r"^[A-Za-z0-9._-]*$",
        ),
    ] = ""
    standbys: Annotated[
        int, _about("workers", "hold the shoppers of each partition too, to take it over at once", ge=0, le=8)
    ] = 1
    metrics_port: Annotated[int, _about("port", "Prometheus metrics; 0: none", ge=0, le=65535)] = 9464
    data_dir: Annotated[str, _about("path", "what a process keeps on disk for itself", min_length=1)] = ".kairos"
    log_level: Annotated[Literal["debug", "info", "warning", "error"], _about("choice", "how much is logged")] = "info"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """The settings of an environment, for example `os.environ`. Raises a one-line `ValueError` on a wrong one.

        >>> Settings.from_environment({"KAIROS_LATENESS_S": "2.5", "HOME": "/root"}).lateness_s
        2.5
        """
        names = {PREFIX + name.upper(): name for name in cls.__struct_fields__}
        given = {name: environment[variable] for variable, name in names.items() if variable in environment}
        for variable in environment.keys() - names.keys():
            _refuse_typo(variable, names)
        return cls(**{name: _value(name, text) for name, text in given.items()})


class Row(NamedTuple):
    """One line of the table that `kairos settings` prints."""

    variable: str
    value: str
    default: str
    unit: str
    meaning: str


def rows(settings: Settings) -> list[Row]:
    """All settings as text, in the order in which they are declared."""
    return [
        Row(
            PREFIX + field.encode_name.upper(),
            _text(getattr(settings, field.encode_name)),
            _text(field.default),
            (_meta(field.encode_name).extra or {})["unit"],
            _meta(field.encode_name).description or "",
        )
        for field in msgspec.structs.fields(Settings)
    ]


def _value(name: str, text: str) -> Any:
    kind = _HINTS[name]
    parts = text.split(",") if get_origin(get_args(kind)[0]) is tuple else text
    try:
        return msgspec.convert(parts, kind, strict=False)
    except msgspec.ValidationError as exc:
        default = _text(getattr(Settings(), name))
        problem = str(exc).replace("`", "").partition(" - at ")[0]
        msg = f"{PREFIX}{name.upper()}={text!r}: {problem}; {_meta(name).description}: set it, e.g. to {default!r}"
        raise ValueError(msg) from None


def _refuse_typo(variable: str, names: Mapping[str, str]) -> None:
    """Other programs use the prefix too (Kubernetes does, for services), so only a near miss is refused."""
    near = get_close_matches(variable, names, n=1, cutoff=0.92)
    if variable.startswith(PREFIX) and near:
        msg = f"expected a setting, got the variable {variable}, which is none; did you mean {near[0]}?"
        raise ValueError(msg)


def _meta(name: str) -> msgspec.Meta:
    meta: msgspec.Meta = get_args(_HINTS[name])[1]
    return meta


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


_HINTS: Final = get_type_hints(Settings, include_extras=True)
