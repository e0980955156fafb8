"""The pages that are made from docstrings."""

import runpy
from pathlib import Path

BUILD = runpy.run_path(str(Path(__file__).parents[1] / "docs" / "build.py"))


def test_the_page_of_environments_is_up_to_date() -> None:
    assert BUILD["PAGE"].read_text(encoding="utf-8") == BUILD["page"](), "run `make docs`"
    assert "## unknot/Planar-v0" in BUILD["page"]()


def test_sections_become_headings_and_lists() -> None:
    docstring = "A world.\n\nSeen\n    All.\n\nArgs:\n    size: an\n        int.\n    map: a name.\n"
    assert BUILD["markdown"](docstring) == (
        "A world.\n\n### Seen\n\nAll.\n\n### Arguments\n\n- `size`: an\n  int.\n- `map`: a name."
    )
