"""How a process ends: in a process of its own."""

import subprocess
import sys

import pytest
from aiokafka import errors

from streams.exit_codes import ExitCode
from streams.table.transactions import Fenced
from streams.transport.fatal import exit_code_of

FAILING_TASK = """
import asyncio
from streams.transport.fatal import end_if_failed
async def work():
    raise ValueError("no such\\nitem")
async def main():
    asyncio.create_task(work(), name="the work").add_done_callback(end_if_failed)
    await asyncio.sleep(5)
asyncio.run(main())
"""


def test_a_failed_task_ends_the_process_with_one_line_that_says_what_and_where() -> None:
    done = subprocess.run([sys.executable, "-c", FAILING_TASK], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == ExitCode.INTERNAL
    assert done.stderr.splitlines() == [
        "kairos: stopped with exit code 70 (internal): "
        "the work failed: ValueError: no such item (at <string>:5 in work)"
    ]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ProducerFenced(), ExitCode.FENCED),
        (Fenced("another worker owns it"), ExitCode.FENCED),
        (errors.KafkaConnectionError("no broker"), ExitCode.UNAVAILABLE),
        (TimeoutError(), ExitCode.NO_PROGRESS),
        (KeyError("x"), ExitCode.INTERNAL),
    ],
)
def test_the_exit_code_says_what_kind_of_failure_it_was(error: BaseException, code: ExitCode) -> None:
    assert exit_code_of(error) is code
