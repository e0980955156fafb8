"""The package installs every module, and its weights keep to their budget."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import unknot

ROOT = Path(__file__).parents[1]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
ROOMS = {**CONFIG["package-dir"]}
"""The folder of each room, by its import name."""

PAPER_BUDGET, TOTAL_BUDGET = 2.5, 30
"""Megabytes that may ship in `pretrained`, for each paper and in all."""
MEGABYTE = 2**20


def modules() -> set[str]:
    """Return every module of every room, as a path in the wheel."""
    return {
        f"{name.replace('.', '/')}/{path.relative_to(ROOT / folder).as_posix()}"
        for name, folder in ROOMS.items()
        for path in (ROOT / folder).rglob("*.py")
    }


def test_every_folder_with_code_is_a_package_that_is_listed() -> None:
    folders = {
        path.rpartition("/")[0].replace("/", ".") for path in modules() if path.endswith("/__init__.py")
    }
    assert folders == set(CONFIG["packages"])
    assert {path.rpartition("/")[0].replace("/", ".") for path in modules()} == folders


def test_the_wheel_has_every_module_and_every_shipped_file(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", *ROOMS.values()):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    result = subprocess.run([*command, "-w", tmp_path, source], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert modules() <= names
    data = {
        path.relative_to(ROOT)
        for path in (ROOT / "pretrained").rglob("*")
        if path.suffix != ".py" and path.is_file()
    }
    assert {f"unknot/{path.as_posix()}" for path in data if "__pycache__" not in path.parts} <= names


@pytest.mark.parametrize("paper", sorted(path.name for path in (ROOT / "pretrained").glob("*/")))
def test_shipped_files_of_a_paper_are_within_budget(paper: str) -> None:
    assert size(ROOT / "pretrained" / paper) <= PAPER_BUDGET * MEGABYTE


def test_all_shipped_files_are_within_budget() -> None:
    assert size(ROOT / "pretrained") <= TOTAL_BUDGET * MEGABYTE


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_the_citation_has_the_version() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.*)$", text, re.MULTILINE)[1] == unknot.__version__  # type: ignore[index]
