"""The Triton server that the nvidia-pytriton wheel carries: where it is, and how it is started. Nothing is run here.

The binary is used as it is, with its Python backend; PyTriton's own Python side is not.
"""

import os
import sys
import sysconfig
from collections.abc import Mapping
from ctypes.util import find_library
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

_FIX = "install it (`pip install -e '.[local]'`, Linux only), or set KAIROS_TRITON to a server that runs"

_LIBRARY_FOLDER = Path(sysconfig.get_config_var("LIBDIR") or "/usr/lib")


class TritonMissingError(FileNotFoundError):
    """The embedded Triton cannot run here. One line, with the fix."""


class Installed(NamedTuple):
    """Where the parts of the server are."""

    binary: Path
    backend: Path
    stub: Path
    libraries: Path
    site_packages: tuple[Path, ...]


class Ports(NamedTuple):
    """Where the server listens, on this machine only."""

    grpc: int
    http: int


def installed() -> Installed:
    """The embedded server of this Python. Raises `TritonMissingError`."""
    root = _package("pytriton")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = Installed(
        binary=root / "tritonserver/bin/tritonserver",
        backend=root / "tritonserver/backends/python",
        stub=root / "tritonserver/python_backend_stubs" / python / "triton_python_backend_stub",
        libraries=root.parent / "nvidia_pytriton.libs",
        site_packages=tuple(dict.fromkeys(_package(name).parent for name in ("numpy", "onnxruntime"))),
    )
    for path in found[:-1]:
        if not path.exists():
            raise TritonMissingError(f"expected {path} of the nvidia-pytriton wheel, got nothing there; {_FIX}")
    if not (_LIBRARY_FOLDER / f"libpython{python}.so.1.0").exists() and find_library(f"python{python}") is None:
        expected = f"expected libpython{python}.so.1.0 for Triton's Python backend, got none in {_LIBRARY_FOLDER}"
        raise TritonMissingError(f"{expected}; use a Python with a shared library, or set KAIROS_TRITON to a server")
    return found


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise TritonMissingError(f"expected the package {name} for the embedded Triton, got none; {_FIX}")
    return Path(spec.origin).parent


def lay_out_backend(server: Installed, into: Path) -> None:
    """Make a backend directory: the wheel keeps the Python backend apart from its stubs, one for each Python."""
    folder = into / "python"
    folder.mkdir(parents=True)
    for part in (*server.backend.glob("*.so"), *server.backend.glob("*.py"), server.stub):
        (folder / part.name).symlink_to(part)


def command(server: Installed, folder: Path, ports: Ports, memory: str) -> list[str]:
    """The words that start the server, with all models of `folder/models` loaded, on localhost.

    `memory` begins the names of the shared memory (in /dev/shm) through which it talks with the Python backend.
    """
    return [
        str(server.binary),
        f"--model-repository={folder / 'models'}",
        f"--backend-directory={folder / 'backends'}",
        f"--backend-config=python,shm-region-prefix-name={memory}",
        "--model-control-mode=none",
        "--disable-auto-complete-config",  # it would start each model once more; our configuration is complete
        "--strict-readiness=true",
        "--grpc-address=127.0.0.1",
        f"--grpc-port={ports.grpc}",
        "--http-address=127.0.0.1",
        f"--http-port={ports.http}",
        "--allow-metrics=false",
        "--pinned-memory-pool-byte-size=0",
        "--exit-timeout-secs=3",
        "--log-info=false",
    ]


def environment(server: Installed, ours: Mapping[str, str]) -> dict[str, str]:
    """Our environment with what the Python backend's stub needs to become this Python, and not another one.

    The stub finds its standard library through the first `python3` on PATH, libpython through LD_LIBRARY_PATH, and
    takes no PYTHONPATH: `inference/backend/model.py` reads where numpy and ONNX Runtime are.
    """
    return {
        **ours,
        "PATH": _joined(Path(sys.executable).parent, ours.get("PATH", "")),
        "LD_LIBRARY_PATH": _joined(_LIBRARY_FOLDER, server.libraries, ours.get("LD_LIBRARY_PATH", "")),
        "KAIROS_SITE_PACKAGES": _joined(*server.site_packages),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _joined(*paths: Path | str) -> str:
    return os.pathsep.join(str(path) for path in paths if str(path))
