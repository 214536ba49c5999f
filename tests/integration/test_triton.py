"""A real Triton server is asked, stopped, started again, given broken models and a slow one."""

import asyncio
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from inference.client.failure import NoAnswerError
from inference.client.in_process import InProcessScorer
from inference.client.ladder import Ladder
from inference.client.ready import NotReadyError, wait_ready
from inference.client.triton import TritonScorer
from inference.inputs import CONTEXT, HISTORY_EVENTS, Request
from inference.repository import embed, write_model
from inference.server import Ports
from schemas.decisions import Model
from schemas.history import SLOT_SIZE
from streams.embedded.process import ServerError
from streams.embedded.triton import EmbeddedTriton, free_port, start_triton

pytestmark = pytest.mark.triton

PATIENT_MS = 5_000.0
SLEEPS = """
import time
from pathlib import Path
exec(Path(__file__).with_name("real.py").read_text())
class TritonPythonModel(TritonPythonModel):
    def execute(self, requests):
        if len(requests) == 1:
            time.sleep(1)
        return super().execute(requests)
"""


def shoppers(count: int) -> list[Request]:
    """Different histories of every length, the empty one included."""
    return [
        Request(
            history=bytes((i * j) % 11 for j in range(SLOT_SIZE)) * (i % (HISTORY_EVENTS + 1)),
            at_ms=1_700_000_000_000 + i * 60_000,
            context=tuple(float(i * j % 1_009) for j in range(len(CONTEXT))),
        )
        for i in range(count)
    ]


async def first_model_answer_s(ladder: Ladder, limit_s: float) -> float:
    """Seconds until the model answers again, asked ten times a second."""
    started_s = time.monotonic()
    while (await ladder.score(shoppers(1))).mode != "model":
        assert time.monotonic() - started_s < limit_s, ladder.rungs[0].last_failure
        await asyncio.sleep(0.1)
    return time.monotonic() - started_s


@pytest.mark.parametrize("count", [1, 7, 32, 1024, 2_500])
async def test_triton_answers_what_onnx_runtime_answers_in_process(
    triton: EmbeddedTriton, models: Path, count: int
) -> None:
    scorer = TritonScorer(triton.grpc_address, "tiny", deadline_ms=PATIENT_MS)

    served = await scorer.score(shoppers(count))
    await scorer.close()

    assert served == await InProcessScorer(models, "tiny").score(shoppers(count))
    assert served.model == Model(name="tiny", version="2")
    assert len(served.scores) == count


async def test_the_previous_version_is_served_beside_the_newest(triton: EmbeddedTriton, models: Path) -> None:
    scorer = TritonScorer(triton.grpc_address, "tiny", "1", "previous_model", deadline_ms=PATIENT_MS)

    served = await scorer.score(shoppers(5))
    await scorer.close()

    assert served == await InProcessScorer(models, "tiny", version=1, mode="previous_model").score(shoppers(5))
    assert served.scores != (await InProcessScorer(models, "tiny").score(shoppers(5))).scores


@pytest.mark.parametrize("name", ["nan", "narrow", "wide"])
async def test_a_model_with_wrong_answers_is_not_believed_and_the_rules_decide(
    triton: EmbeddedTriton, name: str
) -> None:
    scorer = TritonScorer(triton.grpc_address, name, deadline_ms=PATIENT_MS)
    ladder = Ladder([scorer], deadline_ms=PATIENT_MS)

    answer = await ladder.score(shoppers(3))
    await scorer.close()

    assert answer.mode == "rules"
    assert ladder.rungs[0].failures["wrong_answer"] == 1
    assert scorer.retries == 0


async def test_the_previous_version_answers_for_a_model_that_is_missing(triton: EmbeddedTriton) -> None:
    missing = TritonScorer(triton.grpc_address, "nowhere")
    previous = TritonScorer(triton.grpc_address, "tiny", "1", "previous_model", deadline_ms=PATIENT_MS)
    ladder = Ladder([missing, previous], deadline_ms=PATIENT_MS)

    answer = await ladder.score(shoppers(3))
    await missing.close()
    await previous.close()

    assert answer.mode == "previous_model"
    assert sum(ladder.rungs[0].failures.values()) == 1
    assert "nowhere" in ladder.rungs[0].last_failure


async def test_rules_decide_in_time_while_triton_is_gone_and_the_model_once_it_is_back(models: Path) -> None:
    server = start_triton(models)
    scorer = TritonScorer(server.grpc_address, "tiny")
    ladder = Ladder([scorer])
    await first_model_answer_s(ladder, limit_s=5)

    server.process.kill()
    server.stop()
    for _ in range(20):
        started_s = time.monotonic()
        assert (await ladder.score(shoppers(3))).mode == "rules"
        assert time.monotonic() - started_s < 0.3  # the deadline is 150 ms; the machine may be busy
    with start_triton(models, grpc_port=server.ports.grpc):
        again_s = await first_model_answer_s(ladder, limit_s=10)
        await scorer.close()

    assert again_s < 10
    assert ladder.rungs[0].failures["unavailable"] + ladder.rungs[0].failures["deadline"] >= 3
    assert ladder.rungs[0].skipped > 0
    assert scorer.retries > 0


async def test_a_paused_triton_costs_a_deadline_and_no_more_and_scores_again_when_it_goes_on(models: Path) -> None:
    with start_triton(models) as server:
        scorer = TritonScorer(server.grpc_address, "tiny")
        ladder = Ladder([scorer])
        await first_model_answer_s(ladder, limit_s=5)

        server.process.send_signal(signal.SIGSTOP)
        for _ in range(5):
            started_s = time.monotonic()
            assert (await ladder.score(shoppers(3))).mode == "rules"
            assert time.monotonic() - started_s < 0.3
        server.process.send_signal(signal.SIGCONT)

        assert await first_model_answer_s(ladder, limit_s=10) < 10
        assert ladder.rungs[0].failures["deadline"] == 3
        await scorer.close()


async def test_a_slow_model_does_not_hold_up_anybody(models: Path, tmp_path: Path) -> None:
    embed(models, tmp_path / "models", threads=1)
    for version in ("1", "2"):
        folder = tmp_path / "models" / "tiny" / version
        (folder / "model.py").rename(folder / "real.py")
        (folder / "model.py").write_text(SLEEPS)

    with EmbeddedTriton(tmp_path, Ports(free_port(), free_port())) as server:
        scorer = TritonScorer(server.grpc_address, "tiny", deadline_ms=60_000)
        ladder = Ladder([scorer])
        started_s = time.monotonic()
        answer = await ladder.score(shoppers(3))
        waited_s = time.monotonic() - started_s
        with pytest.raises(NoAnswerError, match=r"within 0\.1 s, got StatusCode\.DEADLINE_EXCEEDED"):
            await TritonScorer(server.grpc_address, "tiny", deadline_ms=100).score(shoppers(3))
        await scorer.close()

    assert answer.mode == "rules"
    assert waited_s < 0.3
    assert ladder.rungs[0].failures["deadline"] == 1


async def test_who_waits_for_a_model_is_told_what_is_missing(triton: EmbeddedTriton) -> None:
    await wait_ready(triton.grpc_address, "tiny", timeout_s=10)

    with pytest.raises(NotReadyError, match=r"model missing: expected nowhere on Triton at .*'tiny'.*kairos export"):
        await wait_ready(triton.grpc_address, "nowhere", timeout_s=10)
    with pytest.raises(
        NotReadyError, match=r"Triton not ready: expected the model tiny at .*start it \(`kairos triton`\)"
    ):
        await wait_ready(f"127.0.0.1:{free_port()}", "tiny", timeout_s=0.5)


def test_a_port_that_is_taken_is_refused_and_not_shared(triton: EmbeddedTriton, models: Path) -> None:
    with pytest.raises(ServerError, match=f"expected port {triton.ports.grpc} to be free for Triton.*choose another"):
        start_triton(models, grpc_port=triton.ports.grpc)


def test_the_command_serves_until_it_is_told_to_end_and_leaves_nothing(models: Path) -> None:
    words = [sys.executable, "-c", "from streams.commands.triton import triton; triton()", "--models", str(models)]
    running = subprocess.Popen([*words, "--grpc-port", "0"], stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    with running.stdout:
        told = running.stdout.readline()
    address = told.partition("gRPC at ")[2].partition(",")[0]

    asyncio.run(wait_ready(address, "tiny", timeout_s=10))
    running.send_signal(signal.SIGTERM)

    assert running.wait(timeout=15) == 0
    host, port = address.split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=1)


def test_a_killed_server_leaves_no_shared_memory_and_no_folder(models: Path) -> None:
    left = {*Path("/dev/shm").iterdir(), *Path(tempfile.gettempdir()).glob("kairos-triton-*")}

    server = start_triton(models)
    server.process.kill()
    assert {*Path("/dev/shm").iterdir()} - left
    server.stop()

    assert not {*Path("/dev/shm").glob("kairos-triton-*"), *Path(tempfile.gettempdir()).glob("kairos-triton-*")} - left


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = write_model(tmp_path, "torn", 1, b"not ONNX")

    with pytest.raises(ServerError, match=r"expected an ONNX model at .*/torn/1/model\.onnx") as caught:
        start_triton(tmp_path)
    shutil.rmtree(Path(str(caught.value).rpartition("the log: ")[2]).parent)
    with pytest.raises(ValueError, match=f"expected an ONNX model at {path}.*kairos export"):
        InProcessScorer(tmp_path, "torn")


def test_a_folder_without_models_ends_the_command_with_one_line(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "from streams.commands.triton import triton; triton()", "--models", str(tmp_path)]

    ended = subprocess.run([*words, "--grpc-port", "0"], check=False, capture_output=True, text=True, timeout=30)

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("Error: model missing: expected ")
    assert ended.stderr.count("\n") == 1
