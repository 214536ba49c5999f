"""Settings come from the environment, once, and a wrong one stops the start in one line."""

import pytest
from click.testing import CliRunner

from streams.commands.settings import settings as settings_command
from streams.settings import PREFIX, Settings, rows


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings()


def test_every_setting_has_a_unit_and_a_meaning_that_fits_one_line() -> None:
    for row in rows(Settings()):
        assert row.unit, row
        assert 0 < len(row.meaning) < 80, row


def test_every_default_can_be_written_into_the_environment() -> None:
    environment = {row.variable: row.default for row in rows(Settings())}

    assert Settings.from_environment(environment) == Settings()


def test_stages_are_split_at_commas() -> None:
    assert Settings.from_environment({"KAIROS_STAGES": "decide"}).stages == ("decide",)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("KAIROS_LATENESS_S", "soon"),
        ("KAIROS_LATENESS_S", "-1"),
        ("KAIROS_LATENESS_S", "nan"),
        ("KAIROS_CART_IDLE_S", "inf"),
        ("KAIROS_TIMELINE_PARTITIONS", "0"),
        ("KAIROS_TRANSACTIONS", "maybe"),
        ("KAIROS_BROKER", "localhost"),
        ("KAIROS_STAGES", "ingest,decode"),
        ("KAIROS_STAGES", ""),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_that_names_the_variable_and_what_came(variable: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"^{variable}={text!r}: .+ e.g. to .+$") as refusal:
        Settings.from_environment({variable: text})

    assert "\n" not in str(refusal.value)


def test_a_misspelt_variable_is_refused_with_the_right_name() -> None:
    with pytest.raises(ValueError, match="did you mean KAIROS_BROKER"):
        Settings.from_environment({"KAIROS_BROKR": "127.0.0.1:9092"})


def test_variables_that_are_ours_but_no_settings_are_left_alone() -> None:
    environment = {"KAIROS_TEST_KAFKA": "127.0.0.1:1", "KAIROS_SERVICE_HOST": "10.0.0.1", "KAIROS_PORT": "tcp://x"}

    assert Settings.from_environment(environment) == Settings()


def test_the_command_prints_every_variable_with_the_value_that_is_set() -> None:
    result = CliRunner().invoke(settings_command, env={"KAIROS_LATENESS_S": "2.5"})

    assert result.exit_code == 0
    assert result.output.count(PREFIX) == len(rows(Settings()))
    assert any(line.split()[:3] == ["KAIROS_LATENESS_S", "2.5", "5.0"] for line in result.output.splitlines())


def test_the_command_refuses_a_wrong_environment_in_one_line() -> None:
    result = CliRunner().invoke(settings_command, env={"KAIROS_REPLICATION": "many"})

    assert result.exit_code == 1
    assert result.output.startswith("Error: KAIROS_REPLICATION='many'")
    assert result.output.count("\n") == 1
