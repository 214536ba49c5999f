"""The live decision path over a recorded log. `replay` is the way in from Python; it is loaded when it is asked for."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streams.replay.notebook import replay

__all__ = ["replay"]


def __getattr__(name: str) -> Any:
    if name == "replay":
        from streams.replay.notebook import replay  # noqa: PLC0415  formats alone are wanted by commands that start fast

        return replay
    raise AttributeError(f"module {__name__} has no attribute {name}")
