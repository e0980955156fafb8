"""The pages that are made from docstrings."""

import runpy
from pathlib import Path

BUILD = runpy.run_path(str(Path(__file__).parents[1] / "docs" / "build.py"))


def test_the_page_of_environments_is_up_to_date() -> None:
    assert BUILD["PAGE"].read_text(encoding="utf-8") == BUILD["page"](), "run `make docs`"
    assert "## unknot/Planar-v0" in BUILD["page"]()


def test_sections_become_lists() -> None:
    docstring = "A world.\n\nArgs:\n    size: pixels,\n        at least 8.\n    map: a name.\n\nSeen: all.\n"
    assert BUILD["markdown"](docstring) == (
        "A world.\n\n**Arguments**\n\n- `size`: pixels,\n  at least 8.\n- `map`: a name.\n\nSeen: all."
    )
