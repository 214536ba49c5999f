"""The live decision path over a recorded log. `replay` and `compare` are the ways in from Python; they are loaded when
they are asked for."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streams.replay.comparison.compared import compare
    from streams.replay.notebook import replay

__all__ = ["compare", "replay"]


def __getattr__(name: str) -> Any:
    """Formats alone are wanted by commands that start fast, so nothing is loaded before it is asked for."""
    if name == "replay":
        from streams.replay.notebook import replay  # noqa: PLC0415

        return replay
    if name == "compare":
        from streams.replay.comparison.compared import compare  # noqa: PLC0415

        return compare
    raise AttributeError(f"module {__name__} has no attribute {name}")
