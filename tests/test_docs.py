"""The pages that are made from docstrings, and those of runs."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from unknot.files import write_json
from unknot.report import Table

DOCS = Path(__file__).parents[1] / "docs"
BUILD, SHIP = (runpy.run_path(str(DOCS / name)) for name in ("build.py", "ship.py"))


def test_the_page_of_environments_is_up_to_date() -> None:
    assert BUILD["PAGE"].read_text(encoding="utf-8") == BUILD["page"](), "run `make docs`"
    assert "## unknot/Planar-v0" in BUILD["page"]()


def test_sections_become_headings_and_lists() -> None:
    docstring = "A world.\n\nSeen\n    All.\n\nArgs:\n    size: an\n        int.\n    map: a name.\n"
    assert BUILD["markdown"](docstring) == (
        "A world.\n\n### Seen\n\nAll.\n\n### Arguments\n\n- `size`: an\n  int.\n- `map`: a name."
    )


def test_pictures_of_one_name_are_called_by_their_folders() -> None:
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


def test_a_page_shows_the_pictures_of_all_seeds_then_those_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    for seed in range(2):
        settings = {"experiment": "toy", "preset": "default", "version": "1"}
        write_json(run / f"seed-{seed}/config.json", settings)
        write_json(run / f"seed-{seed}/metrics.json", {})
    for picture in ("figures/areas.png", "seed-0/figures/areas.png", "seed-1/figures/areas.png"):
        (run / picture).parent.mkdir(exist_ok=True)
        (run / picture).write_text(picture)
    names = SHIP["ship"].__globals__
    monkeypatch.setitem(names, "ROOT", tmp_path)
    monkeypatch.setitem(names, "load_experiment", lambda name: Toy)
    SHIP["ship"](str(run), pictures=(".",))
    page = tmp_path / "docs/results/toy"
    text = (page / "README.md").read_text(encoding="utf-8")
    assert text.endswith(
        "## Pictures of all seeds\n\n![areas](areas.png)\n\n"
        "## Pictures of seed 0\n\n![seed-0: areas](seed-0-areas.png)\n"
    )
    assert (page / "areas.png").read_text() == "figures/areas.png"
    assert (page / "seed-0-areas.png").read_text() == "seed-0/figures/areas.png"


@pytest.mark.parametrize("page", ["README.md", "docs/embedding.md", "docs/models.md"])
def test_the_snippets_of_a_page_run_one_after_the_other(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    text = (DOCS.parent / page).read_text(encoding="utf-8")
    smaller = {"learn(50_000)": "learn(64)", "episodes=500": "episodes=4", "num_envs=1024": "num_envs=4"}
    smaller |= {"steps=12_000": "steps=3", "samples=10_000": "samples=200", "learn(20_000)": "learn(1_200)"}
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        for whole, part in smaller.items():
            block = block.replace(whole, part)
        exec(block, names)
