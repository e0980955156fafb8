"""Settings of the site, which `make site` builds with Sphinx."""

import importlib
import inspect
import pkgutil
import re
import runpy
import sys
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

from sphinx.pycode import ModuleAnalyzer

import unknot

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).parent
PACKAGES = re.findall(r"^   (unknot\S*)$", (DOCS / "api/index.md").read_text(encoding="utf-8"), re.MULTILINE)
"""Those that have a page of the reference."""
PICTURES = runpy.run_path(str(DOCS / "pictures.py"))


def public_names() -> dict[str, dict[str, tuple[str, str]]]:
    """Return what the reference documents of each module: names, their directives and options.

    That is `__all__`, or the classes and functions of a module without one; less what a package above it
    exports. Of an experiment it is what its package exports.
    """
    found: dict[str, dict[str, tuple[str, str]]] = {"unknot": {}}
    exported: dict[str, Any] = {}
    for name in sorted(module.name for module in pkgutil.walk_packages(unknot.__path__, "unknot.")):
        if re.search(r"\.(_|pretrained|experiments\.(?!common)\w+\.)", name):
            continue
        module = importlib.import_module(name)
        here = [key for key, value in vars(module).items() if getattr(value, "__module__", None) == name]
        every = getattr(
            module, "__all__", [key for key in here if key[0] != "_" and callable(vars(module)[key])]
        )
        values = {key: getattr(module, key) for key in every}
        own = {key: value for key, value in values.items() if exported.get(key, found) is not value}
        found[name] = {key: _directive(value) for key, value in own.items()}
        if hasattr(module, "__path__"):  # packages come before their modules
            exported |= values
    return {name: names for name, names in found.items() if names or name in PACKAGES}


def _directive(value: Any) -> tuple[str, str]:
    if inspect.isclass(value):
        return "autoexception" if issubclass(value, Exception) else "autoclass", ""
    if inspect.isroutine(inspect.unwrap(value)):
        return "autofunction", ""
    return "autodata", ":no-value:" if len(repr(value)) > 60 or " at 0x" in repr(value) else ""


project, author, version = "unknot", "The unknot developers", unknot.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
exclude_patterns = ["results/*/notes.md", "results/*/tried.md"]  # notes are part of the results' pages
templates_path = ["templates"]

html_theme = "furo"
html_title = "unknot"
html_show_sourcelink = False

# Markdown, and notebooks that are executed where their code has changed since the last build.
myst_heading_anchors = 4
nb_execution_mode = "cache"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True

# The reference. Backticks in docstrings are links where they name something, and code elsewhere.
default_role = "py:obj"
autosummary_context = {"public": public_names(), "packages": PACKAGES}
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
napoleon_numpy_docstring = False
napoleon_attr_annotations = False
napoleon_use_ivar = True  # attributes are documented once, where the docstring lists them
napoleon_use_rtype = False  # what is returned is a phrase, no name
toc_object_entries = False  # the navigation of every page would take minutes to make
python_maximum_signature_line_length = 90


def setup(app: "Sphinx") -> None:
    """Draw pictures before the build; change docstrings as Sphinx reads them."""
    app.connect("builder-inited", lambda app: PICTURES["draw"](DOCS / "pictures"))
    app.connect("autodoc-process-docstring", describe_constant, priority=1)
    app.connect("autodoc-process-docstring", read_markdown, priority=2)  # before Napoleon reads its sections


def describe_constant(app: "Sphinx", what: str, name: str, value: Any, _: Any, lines: list[str]) -> None:
    """Take a constant's docstring from where it is defined: autodoc looks where it is exported."""
    if what == "data":
        home, short = name.rsplit(".", 1)
        loaded = [(key, module) for key, module in sys.modules.items() if key.startswith("unknot.")]
        modules = [home, *(key for key, module in loaded if vars(module).get(short) is value)]
        found = (ModuleAnalyzer.for_module(key).find_attr_docs().get(("", short)) for key in modules)
        lines[:] = next(filter(None, found), [])


def read_markdown(app: "Sphinx", what: str, name: str, value: Any, _: Any, lines: list[str]) -> None:
    """Turn what docstrings have of Markdown into reStructuredText: fences, indented code, tables."""
    text = "\n".join(lines)
    text = re.sub(r"^( *)(\S.*)\n\n(?=\1    \S)", r"\1\2\n\n\1::\n\n", text, flags=re.MULTILINE)
    text = re.sub(r"^( *)```\n(.*?)^ *```$", _fenced, text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^( *)(\|.*\|)\n *\|[-|]+\|\n((?: *\|.*\|\n?)+)", _table, text, flags=re.MULTILINE)
    text = re.sub(r"(?<![\w`])\|(?=[^\s=])", r"\\|", text)  # |x| is no substitution
    if what in ("attribute", "data", "property"):
        # Napoleon takes what is before a colon in the first line for a type.
        text = re.sub(r"\A(.*?):(?= )", r"\1\\\n:", text)
    lines[:] = text.split("\n")


def _fenced(found: re.Match[str]) -> str:
    return f"{found[1]}::\n\n{indent(found[2], '    ')}\n"


def _table(found: re.Match[str]) -> str:
    rows = [line.strip(" |").replace('"', '""').split("|") for line in f"{found[2]}\n{found[3]}".splitlines()]
    body = "\n".join(", ".join(f'"{cell.strip()}"' for cell in row) for row in rows)
    return indent(f".. csv-table::\n   :header-rows: 1\n\n{indent(body, '   ')}\n", found[1])
