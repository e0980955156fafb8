"""Write docs/environments.md from the environments' docstrings."""

import inspect
import re
from pathlib import Path

import gymnasium as gym
from gymnasium.envs.registration import load_env_creator

import unknot  # noqa: F401  (registers them)

PAGE = Path(__file__).with_name("environments.md")


def page() -> str:
    """Return the page: each environment's id and docstring."""
    specs = sorted((spec for spec in gym.registry.values() if spec.namespace == "unknot"), key=lambda s: s.id)
    parts = ["# Environments\n\nMade by `make docs` from the docstrings; change those.\n"]
    for spec in specs:
        entry = spec.entry_point
        creator = load_env_creator(entry) if isinstance(entry, str) else entry
        parts.append(f"## {spec.id}\n\n{markdown(inspect.getdoc(creator) or '')}\n")
    return "\n".join(parts)


def markdown(docstring: str) -> str:
    """Turn the sections of a Google docstring ("Args:" and indented entries) into Markdown lists."""
    lines = []
    section = False
    for line in docstring.splitlines():
        if re.fullmatch(r"[A-Z][A-Za-z ]*:", line):
            section = True
            lines += [f"**{line[:-1].replace('Args', 'Arguments')}**", ""]
        elif section and (entry := re.fullmatch(r" {4}(\w+)(?: \(.*?\))?: (.*)", line)):
            lines.append(f"- `{entry[1]}`: {entry[2]}")
        elif section and line.startswith("    "):
            lines.append(line.strip() if line[4] != " " else f"  {line.strip()}")
        else:
            section = section and not line
            lines.append(line)
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
