"""What each room may import, and what `import unknot` must not load."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

SHARED = {"unknot.files", "unknot.mnist"}
MAY_IMPORT = {
    "envs": set[str](),
    "representation": set[str](),
    "planners": set[str](),
    "agents": {"unknot", "unknot.envs", "unknot.representation", "unknot.planners"},
    "models": {"unknot.representation"},
    "experiments": {
        "unknot",
        "unknot.envs",
        "unknot.representation",
        "unknot.planners",
        "unknot.agents",
        "unknot.models",
        "unknot.report",
    },
}
"""Room to the modules of ours it may import besides itself and the two that all may import."""

LIGHT = {"numpy", "gymnasium", "unknot", "tyro", "rich", *sys.stdlib_module_names}
"""What the base package installs."""


def imports(path: Path, package: str) -> Iterator[tuple[str, bool]]:
    """Yield every module a file imports, and whether it is imported as soon as the file is."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    late = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or _only_for_types(node)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node not in late
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1])
            module = ".".join(filter(None, [base if node.level else "", node.module]))
            for alias in node.names:
                yield (f"unknot.{alias.name}" if module == "unknot" else module), node not in late


def _only_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def files_of(room: str) -> list[tuple[Path, str]]:
    root = "unknot" if room == "unknot" else f"unknot.{room}"
    return [
        (path, ".".join([root, *path.relative_to(ROOT / room).parent.parts]))
        for path in sorted((ROOT / room).rglob("*.py"))
    ]


def within(module: str, roots: set[str]) -> bool:
    return any(module == root or (root != "unknot" and module.startswith(root + ".")) for root in roots)


def test_the_reader_of_imports(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(
        "import torch.nn as nn\n"
        "from unknot import files\n"
        "from ..planners.base import Plan\n"
        "from . import costs\n"
        "if TYPE_CHECKING:\n    import scipy\n"
        "def f():\n    import pygame\n"
    )
    assert set(imports(path, "unknot.agents")) == {
        ("torch.nn", True),
        ("unknot.files", True),
        ("unknot.planners.base", True),
        ("unknot.agents", True),
        ("scipy", False),
        ("pygame", False),
    }


def test_every_room_has_a_rule() -> None:
    rooms = {path.parent.name for path in ROOT.glob("*/py.typed")}
    assert rooms == {"unknot", *MAY_IMPORT}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    allowed = MAY_IMPORT[room] | SHARED | {f"unknot.{room}"}
    wrong = [
        f"{path.relative_to(ROOT)}: {module}"
        for path, package in files_of(room)
        for module, _ in imports(path, package)
        if module.partition(".")[0] == "unknot" and not within(module, allowed)
    ]
    assert files_of(room)
    assert wrong == []


@pytest.mark.parametrize("name", ["files.py", "mnist.py"])
def test_what_all_may_import_imports_nothing_of_ours(name: str) -> None:
    path = ROOT / "unknot" / name
    if path.exists():
        assert [module for module, _ in imports(path, "unknot") if module.startswith("unknot")] == []


@pytest.mark.parametrize("room", ["unknot", "envs"])
def test_the_base_package_is_enough_to_import(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {module}"
        for path, package in files_of(room)
        for module, at_once in imports(path, package)
        if at_once and module.partition(".")[0] not in LIGHT and package != "unknot.envs.grasp"
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "code",
    [
        "import unknot",
        "import unknot.envs",
        "import gymnasium, unknot; gymnasium.make('unknot/Planar-v0').reset(seed=0)",
        "import gymnasium; gymnasium.make_vec('unknot:unknot/Planar-v0', num_envs=2).reset(seed=0)",
        "from unknot.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass",
        "from unknot.cli import main; main(['list'])",
    ],
)
def test_no_torch_is_loaded(code: str) -> None:
    heavy = "{'torch', 'lightning_fabric', 'matplotlib', 'scipy', 'sklearn', 'pygame', 'stable_baselines3'}"
    code += f"\nimport sys\nassert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT / "tests")
    assert result.returncode == 0, result.stderr


def test_the_rooms_are_found_from_the_root_of_a_checkout() -> None:
    """There the folder `unknot` comes first on the path, and it has no rooms in it."""
    code = "import unknot.envs, unknot.planners, unknot.experiments"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
