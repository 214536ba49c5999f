"""How the embedded Triton is started."""

import sys
from pathlib import Path

import pytest

from inference.server import Installed, Ports, command, environment, lay_out_backend


@pytest.fixture
def wheel(tmp_path: Path) -> Installed:
    """An installed server, in a folder of its own."""
    backend = tmp_path / "wheel" / "backend"
    backend.mkdir(parents=True)
    for part in ("libtriton_python.so", "triton_python_backend_utils.py"):
        (backend / part).touch()
    stub = tmp_path / "wheel" / "triton_python_backend_stub"
    stub.touch()
    return Installed(Path("/triton"), backend, stub, Path("/libs"), (Path("/site"), Path("/user-site")))


def test_this_python_comes_first_for_the_stub_whatever_the_environment_says(wheel: Installed) -> None:
    given = environment(wheel, {"PATH": "/usr/bin", "LD_LIBRARY_PATH": "/elsewhere", "HOME": "/root"})

    assert given["PATH"] == f"{Path(sys.executable).parent}:/usr/bin"
    assert given["LD_LIBRARY_PATH"].endswith(":/libs:/elsewhere")
    assert given["KAIROS_SITE_PACKAGES"] == "/site:/user-site"
    assert given["HOME"] == "/root"


def test_an_empty_variable_does_not_put_the_current_folder_on_a_path(wheel: Installed) -> None:
    given = environment(wheel, {})

    assert not given["PATH"].endswith(":")
    assert not given["LD_LIBRARY_PATH"].endswith(":")


def test_the_backend_and_the_stub_of_this_python_are_put_together(wheel: Installed, tmp_path: Path) -> None:
    lay_out_backend(wheel, tmp_path / "backends")

    assert {part.name for part in (tmp_path / "backends" / "python").iterdir()} == {
        "libtriton_python.so", "triton_python_backend_utils.py", "triton_python_backend_stub",
    }  # fmt: skip


def test_the_server_listens_on_this_machine_only(wheel: Installed) -> None:
    words = command(wheel, Path("/scratch"), Ports(grpc=8001, http=8000), "memory-")

    assert "--grpc-address=127.0.0.1" in words
    assert "--http-address=127.0.0.1" in words
    assert "--grpc-port=8001" in words
    assert "--model-repository=/scratch/models" in words
