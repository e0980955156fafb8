"""PyBullet, imported without the line that it prints on standard error."""

import importlib
import os
from typing import Any

__all__ = ["pybullet"]


def _import() -> Any:
    """Import PyBullet. C code prints its line, so the file descriptor itself leads nowhere meanwhile."""
    try:
        kept = os.dup(2)
    except OSError:  # a process without standard error
        return importlib.import_module("pybullet")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        return importlib.import_module("pybullet")
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


pybullet = _import()
