"""The benchmarks as a command."""

from click.testing import CliRunner

from streams.cli import main
from streams.commands.bench import BENCHMARKS


def test_every_benchmark_of_the_command_stands_in_the_checkout() -> None:
    told = CliRunner().invoke(main, ["bench", "--help"])

    assert told.exit_code == 0
    assert "speed" in told.output
    assert (BENCHMARKS / "speed" / "__main__.py").is_file()
