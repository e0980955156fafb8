"""The site builds without warnings, and has what it promises; its notebooks run."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from unknot.envs import ENVIRONMENTS
from unknot.experiments import EXPERIMENTS

pytest.importorskip("myst_nb", reason="Sphinx and MyST-NB are not installed")
pytest.importorskip("pybullet", reason="PyBullet has no wheels for this Python")
from sphinx.util.inventory import InventoryFile

DOCS = Path(__file__).parents[1] / "docs"
ROOMS = ["envs", "representation", "representation.metrics", "planners", "agents", "models", "experiments"]
SMALLER = {
    "episodes=200": "episodes=4",
    "episodes=20": "episodes=1",
    "samples=2000": "samples=200",
    "COPIES = 6": "COPIES = 2",
}
"""Text of the notebooks, and its replacement in the tests."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site, warnings as errors; the notebooks are not executed."""
    folder = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--fail-on-warning", "--keep-going", "-D", "nb_execution_mode=off"]
    command = [sys.executable, "-m", "sphinx", *options, str(DOCS), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=DOCS.parent)
    assert done.returncode == 0, done.stderr
    return folder


def documented(site: Path) -> set[str]:
    """Return the full names in the reference."""
    inventory = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="").data
    return {name for kind, items in inventory.items() if kind.startswith("py:") for name in items}


@pytest.mark.slow  # builds the site, a minute and more
@pytest.mark.parametrize("room", ROOMS)
def test_the_reference_has_every_name_of_a_room(site: Path, room: str) -> None:
    module = import_module(f"unknot.{room}")
    assert {f"unknot.{room}.{name}" for name in module.__all__} <= documented(site)


@pytest.mark.slow  # builds the site, a minute and more
def test_the_reference_has_names_that_modules_export(site: Path) -> None:
    found = documented(site)
    for name in (
        "unknot.report.Table",
        "unknot.representation.grasp_net.GraspNet",
        "unknot.envs.grasp.env.GraspEnv",
    ):
        assert name in found


@pytest.mark.slow  # builds the site, a minute and more
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_page_of_an_environment_shows_a_picture_and_an_animation(site: Path, environment: str) -> None:
    name = environment.rpartition("/")[2]
    page = (site / f"environments/{name}.html").read_text(encoding="utf-8")
    assert f"_images/{name}.png" in page
    assert f"_images/{name}.gif" in page
    with Image.open(site / f"_images/{name}.gif") as animation:
        assert getattr(animation, "n_frames", 1) > 3


@pytest.mark.parametrize("name", [name for name, entry in EXPERIMENTS.items() if entry.paper])
def test_the_gallery_shows_every_paper(name: str) -> None:
    page = (DOCS / "gallery.md").read_text(encoding="utf-8")
    assert f"(results/{name}/README.md)" in page or f"(pictures/{name}.png)" in page
    assert (DOCS / f"results/{name}/README.md").exists() == (f"(results/{name}/README.md)" in page)


@pytest.mark.slow  # builds the site, a minute and more
def test_the_search_loads_its_index_without_a_server(site: Path) -> None:
    """A script may be loaded from a file; a request for one is refused by browsers."""
    page = (site / "search.html").read_text(encoding="utf-8")
    assert re.search(r'<script src="searchindex\.js"', page)
    assert (site / "searchindex.js").read_text(encoding="utf-8").startswith("Search.setIndex(")


@pytest.mark.parametrize("path", sorted(DOCS.glob("notebooks/*.md")), ids=lambda path: path.stem)
def test_the_notebooks_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for cell in re.findall(r"```\{code-cell\}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
        for whole, part in SMALLER.items():
            cell = cell.replace(whole, part)
        exec(cell, names)
    from matplotlib import pyplot

    assert len(pyplot.get_fignums()) >= 2
    pyplot.close("all")
