"""What operators are given names only what exists: exit codes, metrics, settings, sections of the runbook."""

import re
from pathlib import Path

import pytest

from streams.commands.worker import worker
from streams.exit_codes import ExitCode
from streams.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
RUNBOOK = (DEPLOY / "RUNBOOK.md").read_text()
ALERTS = (DEPLOY / "monitoring" / "alerts.yml").read_text()
COMPOSE = (DEPLOY / "compose.yaml").read_text()
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()

DECLARED = set(re.findall(r'"(kairos_[a-z_]+)"', (ROOT / "streams" / "telemetry.py").read_text()))
"""The names in the metrics module, as they are declared there: Prometheus adds the suffix of the type."""
SUFFIXES = ("", "_total", "_bucket", "_sum", "_count")


def anchor(heading: str) -> str:
    """The anchor that a heading gets where Markdown is shown."""
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


QUOTES = set(re.findall(r"(?<!\*)\*([a-z][^*]{8,}?)\*(?!\*)", " ".join(RUNBOOK.split())))
"""What stands in italics is said by a worker, with `...` for what differs."""
_CODE = " ".join(path.read_text() for folder in ("streams", "inference") for path in (ROOT / folder).rglob("*.py"))
SOURCE = " ".join(re.sub(r'"\s*\n\s*f?"', "", _CODE).split())
"""The code, with texts that are cut into lines put together."""
SECTIONS = [heading for _, heading in re.findall(r"^(##+) (.+)$", RUNBOOK, re.MULTILINE)]


@pytest.mark.parametrize("code", list(ExitCode))
def test_every_exit_code_has_a_section(code):
    assert any(heading.startswith(f"{code.value}:") for heading in SECTIONS)


def test_the_help_of_the_worker_names_every_exit_code():
    told = worker.help or ""

    assert [code.value for code in ExitCode if f" {code.value} " not in told] == []


def test_every_message_that_the_runbook_quotes_is_one_of_ours():
    pieces = [piece.strip() for quote in QUOTES for piece in quote.split("...")]

    assert [piece for piece in pieces if piece not in SOURCE] == []
    assert len(QUOTES) > 10


@pytest.mark.parametrize("text", [RUNBOOK, ALERTS], ids=["runbook", "alerts"])
def test_every_metric_that_is_named_exists(text):
    named = set(re.findall(r"\bkairos_[a-z_]+", text))

    assert {name for name in named if not any(name.removesuffix(s) in DECLARED for s in SUFFIXES)} == set()
    assert named


@pytest.mark.parametrize("text", [RUNBOOK, COMPOSE, DOCKERFILE], ids=["runbook", "compose", "dockerfile"])
def test_every_setting_that_is_named_exists(text):
    known = {PREFIX + field.upper() for field in Settings.__struct_fields__}

    assert set(re.findall(r"\bKAIROS_[A-Z_]+", text)) <= known


def test_every_alert_leads_to_a_section_of_the_runbook():
    alerts = re.findall(r"- alert: (\w+)", ALERTS)
    links = re.findall(r"runbook: deploy/RUNBOOK\.md#([a-z-]+)", ALERTS)

    assert len(alerts) == len(links)
    assert set(links) <= {anchor(heading) for heading in SECTIONS}


def test_links_within_the_runbook_lead_somewhere():
    assert set(re.findall(r"\(#([a-z-]+)\)", RUNBOOK)) <= {anchor(heading) for heading in SECTIONS}


def test_what_the_image_is_built_from_exists_and_is_let_through():
    copied = [word for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]]
    let_through = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()

    assert [name for name in copied if not (ROOT / name).exists() or f"!{name}" not in let_through] == []
    assert copied
