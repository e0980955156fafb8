"""Write docs/environments.md from the environments' docstrings."""

import inspect
import re
from pathlib import Path

import gymnasium as gym
from gymnasium.envs.registration import load_env_creator

import unknot  # noqa: F401  (registers them)

PAGE = Path(__file__).with_name("environments.md")


def page() -> str:
    """Return the page: each environment's id, its docstring, the arguments of what it simulates."""
    specs = sorted((spec for spec in gym.registry.values() if spec.namespace == "unknot"), key=lambda s: s.id)
    parts = ["# Environments\n\nMade by `make docs` from the docstrings; change those.\n"]
    for spec in specs:
        creator = (
            load_env_creator(spec.entry_point) if isinstance(spec.entry_point, str) else spec.entry_point
        )
        parts.append(f"## {spec.id}\n\n{markdown(inspect.getdoc(creator) or '')}\n")
        settings = inspect.getdoc(getattr(creator, "simulation_class", None)) or ""
        parts += [f"{markdown(part)}\n" for part in settings.split("\n\n") if part.startswith("Args:")]
    return "\n".join(parts)


def markdown(docstring: str) -> str:
    """Turn the sections of a docstring, a title with an indented body, into Markdown's.

    The entries of "Args:" become a list.
    """
    lines: list[str] = []
    source = docstring.splitlines()
    entries = False
    for line, following in zip(source, [*source[1:], ""], strict=True):
        if line and line[0] != " " and following.startswith("    "):
            entries = line == "Args:"
            lines += [f"### {line.rstrip(':').replace('Args', 'Arguments')}", ""]
        elif entries and (entry := re.fullmatch(r" {4}(\w+): (.*)", line)):
            lines.append(f"- `{entry[1]}`: {entry[2]}")
        else:
            lines.append(line[6 if entries else 4 :] if line.startswith("    ") else line)
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
