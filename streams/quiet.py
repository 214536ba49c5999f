"""What a process that works through a log wants of Python."""

import gc
import logging


def quiet() -> None:
    """Few garbage collections, and no debug records that nobody reads."""
    gc.set_threshold(200_000, 50, 1_000)  # records are plain data without cycles
    for name in ("aiokafka", "faust", "mode"):
        logging.getLogger(name).setLevel(logging.WARNING)
