"""What a model was trained on, in words for its card."""

import os
import platform
import re
from pathlib import Path

import torch


def machine(device: str) -> str:
    """Processor, cores, and torch's version; with a GPU its name."""
    cores = f"{os.cpu_count()} cores of {_processor()}, torch {torch.__version__}"
    return cores if device == "cpu" else f"{torch.cuda.get_device_name(device)}, {cores}"


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.+)", told.read_text()) if told.exists() else None
    return found[1] if found else platform.processor() or platform.machine()
