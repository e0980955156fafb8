"""Write the pages that are made from code and results: `make docs`.

- docs/environments.md and docs/environments/NAME.md, from the environments' docstrings;
- docs/results/NAME/README.md, from the shipped results, the folder's pictures, notes.md and tried.md;
- the table of papers in README.md, from the shipped results;
- the example in docs/how-to/add-an-environment.md, which is a file.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from unknot.envs import ENVIRONMENTS
from unknot.experiments import EXPERIMENTS
from unknot.files import RESULTS, read_json, write_text
from unknot.report import verdict
from unknot.running import load_experiment

ROOT = Path(__file__).resolve().parent.parent
NOTES, TRIED, PAGE = "notes.md", "tried.md", "README.md"
MADE = "*Made by `make docs` from the docstrings; change those.*"
EXAMPLES = ("docs/how-to/add-an-environment.md",)
"""Pages with examples that are files."""
END_EXAMPLE = "<!-- end of the example -->"
BEGIN, END = "<!-- table of results: `make docs` writes it -->", "<!-- end of the table -->"


# Environments

PLACING = """## Place them

All are placed, saved and restored the same way. `reset` takes factors of the scene \
and of the goal; those that are not given are sampled.

```python
import gymnasium as gym
import unknot

env = gym.make("unknot/Planar-v0")
env.reset(seed=0, options={"factors": {"position": [4, 4]}, "goal": {"position": [30, 30]}})
env.unwrapped.set_factors({"position": [10, 4]})  # move the agent, keep the rest
scene = env.unwrapped.scene()  # all of it, as JSON
env.reset(options={"scene": scene})  # continues from there

maze = gym.make("unknot/Maze-v0", layout=["....", ".##.", ".~..", "...."])  # a layout of your own
maze.reset(seed=0, options={"factors": {"agent": [0, 0]}, "goal": {"agent": [3, 3]}})

vec = gym.make_vec("unknot/Planar-v0", num_envs=2)  # values for each copy
vec.reset(seed=0, options={"factors": {"position": [[4, 4], [36, 36]]}})
```

`evaluate_agent(..., problems=[...])` evaluates an agent on a list of such options.
"""


def environments_page() -> str:
    """Return the page that lists the environments: each one's id, its page, and its summary."""
    rows = [
        f"- [{name}](environments/{page_name(name)}): {_docstring(name).partition(chr(10))[0]}"
        for name in sorted(ENVIRONMENTS)
    ]
    return "\n".join(["# Environments\n", f"{MADE}\n", *rows, "", PLACING])


def environment_page(name: str) -> str:
    """Return the page of an environment: its id, pictures, docstring and the arguments of its simulation."""
    short = page_name(name).removesuffix(".md")
    parts = [f"# {name}\n", f"![A problem]({short}.png) ![Its expert]({short}.gif)\n"]
    parts.append(f"{markdown(_docstring(name))}\n")
    simulation = _environment(name).simulation_class
    settings, defaults = inspect.getdoc(simulation) or "", _defaults(simulation)
    parts += [f"{markdown(part, defaults)}\n" for part in settings.split("\n\n") if part.startswith("Args:")]
    return "\n".join([*parts, f"{MADE}\n"])


def page_name(environment: str) -> str:
    """Return the name of an environment's file in docs/environments/."""
    return f"{environment.rpartition('/')[2]}.md"


def _environment(name: str) -> Any:
    row = ENVIRONMENTS[name]
    return getattr(import_module(row.module), row.env)


def _docstring(name: str) -> str:
    return inspect.getdoc(_environment(name)) or ""


def _defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the default values of a function's arguments, of those that have one."""
    parameters = inspect.signature(function).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not each.empty}


def markdown(docstring: str, defaults: Mapping[str, Any] | None = None) -> str:
    """Turn the sections of a docstring, a title with an indented body, into Markdown's.

    The entries of "Args:" become a list, with the default values of the arguments that have one.
    """
    lines: list[str] = []
    source, defaults = docstring.splitlines(), defaults or {}
    entries = False
    for line, following in zip(source, [*source[1:], ""], strict=True):
        if line and line[0] != " " and following.startswith("    "):
            entries = line == "Args:"
            lines += [f"## {line.rstrip(':').replace('Args', 'Arguments')}", ""]
        elif entries and (entry := re.fullmatch(r" {4}(\w+): (.*)", line)):
            value = f" (default: `{defaults[entry[1]]!r}`)" if entry[1] in defaults else ""
            lines.append(f"- `{entry[1]}`{value}: {entry[2]}")
        else:
            lines.append(line[6 if entries else 4 :] if line.startswith("    ") else line)
    return "\n".join(lines)


# Results


def results_file(name: str, root: Path = ROOT) -> Path:
    """Return the shipped results of an experiment: beside its weights, or beside its page if none ship."""
    shipped = root / "pretrained" / name / RESULTS
    return shipped if shipped.exists() else root / "docs/results" / name / RESULTS


def results_page(name: str, root: Path = ROOT) -> str:
    """Return the page of an experiment: verdict, tables, pictures, method notes, what was tried."""
    folder = root / "docs/results" / name
    found = read_json(results_file(name, root))
    experiment = load_experiment(name)
    entry = EXPERIMENTS.get(name)
    path = results_file(name, root)
    link = f"../../../pretrained/{name}/{RESULTS}" if path.parent != folder else RESULTS
    pictures = sorted(path.name for path in folder.glob("*") if path.suffix in (".png", ".gif"))
    parts = [
        f"# {name}\n",
        *([f"*{entry.paper}*\n"] if entry and entry.paper else []),
        f"**Verdict.** {experiment.headlines(found['seeds'])[0].sentence}\n",
        f"`{found['command']}` (unknot {found['version']}) made these numbers; "
        f"[{RESULTS}]({link}) has each seed's.\n",
        *(table.to_markdown() for table in experiment.tabulate(found["seeds"])),
        *(["## Pictures\n"] if pictures else []),
        *(f"![{picture.rpartition('.')[0].replace('-', ' ')}]({picture})\n" for picture in pictures),
        *_written(folder / NOTES, "## Method notes\n\n{}"),
        *_written(folder / TRIED, "<details>\n<summary>What was tried</summary>\n\n{}\n</details>\n"),
    ]
    return "\n".join(parts)


def _written(path: Path, form: str) -> list[str]:
    """Return the text of a file written by hand in a template, or nothing without the file."""
    return [form.format(path.read_text(encoding="utf-8"))] if path.exists() else []


def readme(text: str, root: Path = ROOT) -> str:
    """Return README.md with its table made from the shipped results, and the papers that have none."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{_table_of_results(root)}{END}{after}"


def _table_of_results(root: Path) -> str:
    lines = [
        "| `unknot run` | figure | paper | ours | trivial baseline | oracle | target |",
        "|---" * 7 + "|",
    ]
    for name, entry in EXPERIMENTS.items():
        path = results_file(name, root)
        if not path.exists():
            continue
        first = load_experiment(name).headlines(read_json(path)["seeds"])[0]
        cells = [
            f"[`{name}`](docs/results/{name}/README.md)" + (f"<br>{entry.paper}" if entry.paper else ""),
            first.measure[:1].upper() + first.measure[1:],
            first.paper,
            first.ours,
            first.floor,
            first.ceiling,
            f"{first.target}: **{verdict(first.met)}**",
        ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    missing = [f"`{name}`" for name in EXPERIMENTS if not results_file(name, root).exists()]
    if missing:
        lines += ["", f"Papers whose command has no published run yet: {', '.join(missing)}."]
    return "\n".join(lines) + "\n"


# Examples


def with_examples(text: str, root: Path = ROOT) -> str:
    """Return a page with its examples copied from their files."""

    def example(found: re.Match[str]) -> str:
        code = (root / found[2]).read_text(encoding="utf-8")
        return f"{found[1]}\n\n```python\n# token_env.py\n{code}```\n\n{END_EXAMPLE}"

    return re.sub(rf"(<!-- example: (\S+) -->).*?{re.escape(END_EXAMPLE)}", example, text, flags=re.DOTALL)


def build() -> None:
    """Write all pages."""
    for page in EXAMPLES:
        write_text(ROOT / page, with_examples((ROOT / page).read_text(encoding="utf-8")))
    write_text(ROOT / "docs/environments.md", environments_page())
    for name in ENVIRONMENTS:
        write_text(ROOT / "docs/environments" / page_name(name), environment_page(name))
    for name in EXPERIMENTS:
        if results_file(name).exists():
            write_text(ROOT / "docs/results" / name / PAGE, results_page(name))
    write_text(ROOT / "README.md", readme((ROOT / "README.md").read_text(encoding="utf-8")))


if __name__ == "__main__":
    build()
