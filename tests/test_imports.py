"""What each room may import, and what `import unknot` must not load."""

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from unknot.experiments import EXPERIMENTS
from unknot.learners import LEARNERS, PLANNING_AGENTS

ROOT = Path(__file__).parents[1]

SHARED = {
    f"unknot.{name}"
    for name in (
        "archives",
        "checks",
        "files",
        "heads",
        "learners",
        "mnist",
        "progress",
        "run_folders",
        "wheels",
    )
}
"""Modules that every room may import."""
REPRESENTATION = {"unknot.representation"}
IMAGE_TOOLS = {"unknot.models.adversarial", "unknot.models.penalties", "unknot.models.data"}
MAY_IMPORT = {
    "envs": set[str](),
    "representation": set[str](),
    "planners": set[str](),
    "agents": {"unknot", "unknot.envs", "unknot.representation", "unknot.planners"},
    "models": REPRESENTATION,
    "models/data": {"unknot.representation.source"},
    "models/image": REPRESENTATION | IMAGE_TOOLS,
    "models/objects": REPRESENTATION | IMAGE_TOOLS | {"unknot.models.image.networks"},
    "models/video": REPRESENTATION | IMAGE_TOOLS | {"unknot.models.image.networks"},
    "models/text": REPRESENTATION | IMAGE_TOOLS,
    "experiments": {
        "unknot",
        "unknot.envs",
        "unknot.representation",
        "unknot.planners",
        "unknot.agents",
        "unknot.models",
        "unknot.report",
        "unknot.style",
    },
    "pretrained": set[str](),
}
"""The modules of unknot that each room, or folder of a room, may import besides itself and `SHARED`.

A room may import all of itself; a folder with its own row may not import its siblings.
"""

LIGHT = {"numpy", "gymnasium", "unknot", "tyro", "rich", "lazy_loader", *sys.stdlib_module_names}
"""Modules that the base package installs."""


def imports(path: Path, package: str) -> Iterator[tuple[str, bool]]:
    """Yield every module that a file imports, and whether importing the file imports it at once."""
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
    root = "unknot" if room == "unknot" else f"unknot.{room.replace('/', '.')}"
    return [
        (path, ".".join([root, *path.relative_to(ROOT / room).parent.parts]))
        for path in sorted((ROOT / room).rglob("*.py*"))
        if path.suffix in (".py", ".pyi")
    ]


def within(module: str, roots: set[str]) -> bool:
    return any(module == root or (root != "unknot" and module.startswith(root + ".")) for root in roots)


def test_all_forms_of_imports_are_found(tmp_path: Path) -> None:
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
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"torture"}
    assert rooms == {"unknot", *(room for room in MAY_IMPORT if "/" not in room)}
    folders = {f"models/{path.parent.name}" for path in (ROOT / "models").glob("*/__init__.py")}
    assert folders <= MAY_IMPORT.keys()


def wrong_imports(files: list[tuple[Path, str]], allowed: set[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}: {module}"
        for path, package in files
        for module, _ in imports(path, package)
        if module.partition(".")[0] == "unknot" and not within(module, allowed | SHARED)
    ]


@pytest.mark.parametrize("room", [room for room in MAY_IMPORT if (ROOT / room).is_dir()])
def test_a_room_imports_only_what_it_may(room: str) -> None:
    files = files_of(room)
    assert files
    assert wrong_imports(files, MAY_IMPORT[room] | {f"unknot.{room.replace('/', '.')}"}) == []


def test_an_experiment_imports_no_other_experiment() -> None:
    modules = {entry.module for entry in EXPERIMENTS.values()}
    for module in sorted(modules):
        path = ROOT / module.removeprefix("unknot.").replace(".", "/")
        files = (
            files_of(str(path.relative_to(ROOT))) if path.is_dir() else [(path.with_suffix(".py"), module)]
        )
        others = modules - {module}
        reached = {name for file, package in files for name, _ in imports(file, package)}
        assert not [name for name in reached if within(name, others)], module


def test_code_that_experiments_share_imports_no_experiment() -> None:
    modules = {entry.module for entry in EXPERIMENTS.values()}
    reached = {name for file, package in files_of("experiments/common") for name, _ in imports(file, package)}
    assert not [name for name in reached if within(name, modules)]


def test_the_runner_imports_only_the_table_of_experiments() -> None:
    files = [(path, "unknot") for path in sorted((ROOT / "unknot").glob("*.py"))]
    reached = {name for file, package in files for name, _ in imports(file, package)}
    assert not [name for name in reached if name.startswith("unknot.experiments.")]


@pytest.mark.parametrize("name", sorted(SHARED))
def test_shared_modules_import_only_each_other(name: str) -> None:
    path = ROOT / f"{name.replace('.', '/')}.py"
    ours = {module for module, _ in imports(path, "unknot") if module.startswith("unknot")}
    assert ours <= SHARED


def test_the_tables_of_names_list_only_modules_of_their_rooms() -> None:
    """The strings are imports, too: learners are in two rooms, planning agents in one."""
    for table, rooms in (
        (LEARNERS, {"unknot.representation", "unknot.models"}),
        ({key: row.module for key, row in PLANNING_AGENTS.items()}, {"unknot.agents"}),
        ({name: entry.module for name, entry in EXPERIMENTS.items()}, {"unknot.experiments"}),
    ):
        for name, module in table.items():
            assert within(module, rooms), name
            assert importlib.util.find_spec(module), name


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
        "from unknot.cli import main; main(['--help'])",
        "from unknot.cli import main; main(['list'])",
    ],
)
def test_no_torch_is_loaded(code: str) -> None:
    heavy = "{'torch', 'lightning_fabric', 'matplotlib', 'scipy', 'sklearn', 'pygame', 'stable_baselines3'}"
    code += f"\nimport sys\nassert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT / "tests")
    assert result.returncode == 0, result.stderr


def test_an_environment_is_imported_when_it_is_made() -> None:
    code = "import sys, unknot; assert not {'unknot.envs.single', 'unknot.envs.planar'} & set(sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT / "tests")
    assert result.returncode == 0, result.stderr


def test_every_name_of_the_environments_can_be_imported() -> None:
    envs = importlib.import_module("unknot.envs")
    assert len(envs.__all__) > 30
    assert all(hasattr(envs, name) for name in envs.__all__)


def test_the_rooms_are_found_from_the_root_of_a_checkout() -> None:
    """There the folder `unknot` comes first on the path, and it contains no rooms."""
    code = "import unknot.envs, unknot.planners, unknot.experiments"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
