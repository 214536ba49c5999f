"""How a Kairos process ends: the codes that a supervisor may act on (sysexits.h, where it has a number)."""

import enum


class ExitCode(enum.IntEnum):
    """Why the process ended. Restarting helps with all but `BAD_CONFIGURATION`."""

    OK = 0
    BAD_CONFIGURATION = 64
    UNAVAILABLE = 69  # no broker, or another service that we cannot do without
    INTERNAL = 70
    FENCED = 71  # another owner took over
    STORE = 74  # the local store failed: the next start loads from the changelog
    NO_PROGRESS = 75
