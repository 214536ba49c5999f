"""What lies in a folder that `kairos train` or `kairos pretrain` left."""

from typing import Final

CHECKPOINT_FILE: Final = "model.pt"
REPORT_FILE: Final = "report.json"
"""The facts of the checkpoint: plain data, to be read without torch."""
START_FILE: Final = "pretrained.pt"
