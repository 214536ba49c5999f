"""The bytes of every record, kept for ever. How they are written: see conftest.py."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import schemas
from tests.schemas.samples import SAMPLES

VERSION = "v1"
GOLDEN = Path(__file__).parent / "golden"
RELEASED: frozenset[str] = frozenset()
"""Versions whose bytes are out in the world: they are never written again."""
NOT_STORED = {"Topic", "Glance"}
"""Records that never become bytes: a glance is the beginning of a shopper."""
FILES = sorted(GOLDEN.glob("*/*.bin"))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_record_is_written_as_its_golden_bytes(name: str, write_golden: bool) -> None:
    sample, path = SAMPLES[name], GOLDEN / VERSION / f"{name}.bin"
    if write_golden and VERSION not in RELEASED:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(sample.encode(sample.record))

    assert sample.encode(sample.record) == path.read_bytes(), "run: pytest tests/schemas --write-golden"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_golden_bytes_of_every_version_are_read_and_survive_a_round_trip(path: Path) -> None:
    sample = SAMPLES[path.stem]
    if sample.decode is None:
        return

    record = sample.decode(path.read_bytes())

    assert type(record) is type(sample.record)
    assert sample.decode(sample.encode(record)) == record
    if path.parent.name == VERSION:
        assert record == sample.record


def test_every_record_class_is_in_a_sample() -> None:
    reached = {kind for sample in SAMPLES.values() for kind in _classes_in(sample.record)}

    missing = {kind.__name__ for kind in _record_classes()} - {kind.__name__ for kind in reached} - NOT_STORED
    assert not missing, (
        f"add {sorted(missing)} to tests/schemas/samples.py and run: pytest tests/schemas --write-golden"
    )


def test_samples_set_every_field_to_something_that_is_not_its_default() -> None:
    for name, sample in SAMPLES.items():
        if isinstance(sample.record, msgspec.Struct):
            fields = msgspec.structs.fields(sample.record)
            unset = [field.name for field in fields if getattr(sample.record, field.name) == field.default]
            assert not unset, (name, unset)


def _record_classes() -> Iterator[type]:
    for module_info in pkgutil.iter_modules(schemas.__path__):
        module = importlib.import_module(f"schemas.{module_info.name}")
        for kind in vars(module).values():
            ours = isinstance(kind, type) and kind.__module__ == module.__name__ and not kind.__name__.startswith("_")
            if ours and (issubclass(kind, msgspec.Struct) or hasattr(kind, "_fields")):
                yield kind


def _classes_in(value: Any) -> Iterator[type]:
    yield type(value)
    if isinstance(value, msgspec.Struct):
        parts: Any = (getattr(value, name) for name in value.__struct_fields__)
    elif isinstance(value, dict):
        parts = value.values()
    else:
        parts = value if isinstance(value, tuple | list) else ()
    for part in parts:
        yield from _classes_in(part)
