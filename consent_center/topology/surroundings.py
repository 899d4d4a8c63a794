"""What every process on this machine is given: little, and nothing secret."""

import os

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "XDG_RUNTIME_DIR")
OURS = {
    "ACCORD_ENV": "dev",
    "PYTHONUNBUFFERED": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
}


def surroundings() -> dict[str, str]:
    """The environment of every process; its own settings come on top."""
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ} | OURS  # noqa: TID251  handed on as it is
