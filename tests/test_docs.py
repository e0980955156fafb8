"""The pages that are made from docstrings, and those of runs."""

import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym
import pytest

from unknot import experiments
from unknot.envs import ENVIRONMENTS
from unknot.files import read_json, write_json
from unknot.learners import LEARNERS
from unknot.report import Headline, Table
from unknot.representation.metrics import METRICS

DOCS = Path(__file__).parents[1] / "docs"
BUILD, SHIP = (runpy.run_path(str(DOCS / name)) for name in ("build.py", "ship.py"))
OUTDATED = "run `make docs`"


def test_the_list_of_environments_is_up_to_date() -> None:
    page = (DOCS / "environments.md").read_text(encoding="utf-8")
    assert page == BUILD["environments_page"](), OUTDATED
    assert "[unknot/Planar-v0](environments/Planar-v0.md)" in page


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_page_of_an_environment_is_up_to_date(name: str) -> None:
    page = (DOCS / "environments" / BUILD["page_name"](name)).read_text(encoding="utf-8")
    assert page == BUILD["environment_page"](name), OUTDATED
    assert page.index("## Observation") < page.index("## Arguments")


@pytest.mark.parametrize("name", sorted(path.parent.name for path in DOCS.glob("results/*/README.md")))
def test_the_page_of_an_experiment_is_up_to_date(name: str) -> None:
    page = (DOCS / "results" / name / "README.md").read_text(encoding="utf-8")
    assert page == BUILD["results_page"](name), OUTDATED
    assert page.index("**Verdict.**") < page.index("\n## ") < page.index("## Method notes")


def test_the_table_of_results_is_up_to_date() -> None:
    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    assert text == BUILD["readme"](text), OUTDATED


@pytest.mark.parametrize("page", BUILD["EXAMPLES"])
def test_the_examples_of_a_page_equal_their_files(page: str) -> None:
    text = (DOCS.parent / page).read_text(encoding="utf-8")
    assert text == BUILD["with_examples"](text), OUTDATED
    assert "class Token(Simulation)" in text


@pytest.mark.parametrize("metric", METRICS)
def test_the_page_of_metrics_has_every_metric(metric: str) -> None:
    page = (DOCS / "metrics.md").read_text(encoding="utf-8")
    assert f"| `{metric}` |" in page, f"add a row for `{metric}` to a table of docs/metrics.md"


def test_sections_become_headings_and_lists() -> None:
    docstring = "A world.\n\nSeen\n    All.\n\nArgs:\n    size: an\n        int.\n    map: a name.\n"
    assert BUILD["markdown"](docstring) == (
        "A world.\n\n## Seen\n\nAll.\n\n## Arguments\n\n- `size`: an\n  int.\n- `map`: a name."
    )


def test_pictures_with_the_same_name_get_the_names_of_their_folders() -> None:
    a, b, c = (Path("seed-0", folder, "figures", name) for folder, name in ("ax", "bx", "by"))
    assert SHIP["picture_names"]([a, b, c]) == {"a-x": a, "b-x": b, "y": c}
    assert SHIP["picture_names"]([a, c], taken=["x"]) == {"a-x": a, "y": c}
    with pytest.raises(ValueError, match="folders with names that differ"):
        SHIP["picture_names"]([a, Path("seed-0", "other") / a.relative_to("seed-0")])


class Toy:
    """An experiment that only tabulates."""

    @staticmethod
    def tabulate(seeds: list[dict[str, Any]]) -> list[Table]:
        """Return how many seeds there are."""
        return [Table("Toy", ("seeds",), ((str(len(seeds)),),))]

    @staticmethod
    def headlines(seeds: list[dict[str, Any]]) -> tuple[Headline, ...]:
        """Return how many seeds there are."""
        return (Headline("seeds", "1", str(len(seeds)), "0", "9", "at least 2", met=len(seeds) > 1),)


def test_a_shipped_run_gets_a_page_with_verdict_tables_pictures_and_notes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, page = tmp_path / "run", tmp_path / "docs/results/toy"
    for seed in range(2):
        settings = {"experiment": "toy", "preset": "default", "version": "1"}
        write_json(run / f"seed-{seed}/config.json", settings)
        write_json(run / f"seed-{seed}/metrics.json", {})
    for picture in ("figures/areas.png", "seed-0/figures/areas.png", "seed-1/figures/areas.png"):
        (run / picture).parent.mkdir(exist_ok=True)
        (run / picture).write_text(picture)
    page.mkdir(parents=True)
    (page / "old.png").write_text("of an earlier run")
    (page / "notes.md").write_text("A note.\n")
    (page / "tried.md").write_text("A failure.\n")
    monkeypatch.setitem(SHIP["ship"].__globals__, "ROOT", tmp_path)
    monkeypatch.setitem(SHIP["BUILD"]["results_page"].__globals__, "load_experiment", lambda name: Toy)
    SHIP["ship"](str(run), pictures=(".",))
    assert (page / "README.md").read_text(encoding="utf-8") == (
        "# toy\n\n"
        "**Verdict.** seeds: 2 (paper: 1; trivial baseline: 0; oracle: 9). Target: at least 2, met.\n\n"
        "`unknot run toy --preset default --seeds 2` (unknot 1) made these numbers; "
        "[results.json](results.json) has each seed's.\n\n"
        "## Toy\n\n| seeds |\n| --- |\n| 2 |\n\n"
        "## Pictures\n\n![areas](areas.png)\n\n![seed 0 areas](seed-0-areas.png)\n\n"
        "## Method notes\n\nA note.\n\n"
        "<details>\n<summary>What was tried</summary>\n\nA failure.\n\n</details>\n"
    )
    assert (page / "areas.png").read_text() == "figures/areas.png"
    assert (page / "seed-0-areas.png").read_text() == "seed-0/figures/areas.png"
    assert not (page / "old.png").exists()


def test_more_seeds_join_a_shipped_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "docs/results/toy"
    write_json(page / "results.json", {"command": "unknot", "version": "1", "seeds": [{"value": 0}]})
    (page / "seed-0-areas.png").write_text("of the first seed")
    config = {"experiment": "toy", "preset": "default", "version": "2", "seed": 1, "settings": {}}
    write_json(tmp_path / "run/seed-1/config.json", config)
    write_json(tmp_path / "run/seed-1/metrics.json", {"value": 1})
    monkeypatch.setitem(SHIP["ship"].__globals__, "ROOT", tmp_path)
    monkeypatch.setitem(SHIP["ship"].__globals__, "load_experiment", lambda name: Toy)
    monkeypatch.setitem(SHIP["BUILD"]["results_page"].__globals__, "load_experiment", lambda name: Toy)
    SHIP["ship"](str(tmp_path / "run"), add=True)
    assert read_json(page / "results.json") == {
        "command": "unknot run toy --preset default --seeds 2",
        "version": "1",
        "seeds": [{"value": 0}, {"value": 1}],
    }
    assert "seeds: 2 (paper" in (page / "README.md").read_text(encoding="utf-8")
    assert (page / "seed-0-areas.png").exists()
    with pytest.raises(ValueError, match=r"those to add must be 2 and on, not \[1\]"):
        SHIP["ship"](str(tmp_path / "run"), add=True)


@pytest.fixture
def _registry() -> Iterator[None]:
    """Remove environments in "mine/" before a test, and restore the registry after it."""
    before = dict(gym.registry)
    for name in [name for name in gym.registry if name.startswith("mine/")]:
        del gym.registry[name]
    yield
    gym.registry.clear()
    gym.registry.update(before)


SMALLER = {
    "learn(50_000)": "learn(64)",
    "num_envs=32": "num_envs=1",
    "learn(20_000)": "learn(1_200)",
    "episodes=500": "episodes=4",
    "episodes=100": "episodes=2",
    "num_envs=1024": "num_envs=4",
    "steps=12_000": "steps=3",
    "samples=10_000": "samples=500",
    "steps = 200": "steps = 3",
    "steps=600_000, evaluate_every=50_000": "steps=64, evaluate_every=64, episodes=2",
    "(200, 2)": "(3, 2)",
}
"""Text of the pages' snippets, and its replacement in the tests."""


PAGES = [
    str(path.relative_to(DOCS.parent))
    for path in [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("how-to/*.md"))]
    if "```python" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.usefixtures("_registry")
def test_the_snippets_of_a_page_run_one_after_the_other(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snippet that begins with the name of a file is saved as that file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    monkeypatch.setattr("unknot.representation.learner.LEARNERS", LEARNERS.copy())
    monkeypatch.setattr(experiments, "EXPERIMENTS", experiments.EXPERIMENTS.copy())
    text = (DOCS.parent / page).read_text(encoding="utf-8")
    if "unknot.envs.grasp" in text:
        pytest.importorskip("pybullet", reason="PyBullet has no wheels for this Python")
    module = ModuleType("snippets")  # so that what a snippet registers can be imported
    monkeypatch.setitem(sys.modules, "snippets", module)
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        for whole, part in SMALLER.items():
            block = block.replace(whole, part)
        if name := re.match(r"# (\w+\.py)\n", block):
            (tmp_path / name[1]).write_text(block, encoding="utf-8")
        else:
            exec(block, vars(module))
