"""Change the code a little, over and over, and count the changes that the tests notice: `make mutants`.

Cosmic Ray makes the changes: a sign, an operator, a constant, a condition. Of each module a sample of changes
is tried, with the tests that are the module's own (`torture.targets`). docs/mutants.md has what came out.
An interrupted command goes on where it was; a change whose module and tests are as they were is not tried
again.
"""

import argparse
import hashlib
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from gymnasium import registry

from torture.targets import TESTS, reason
from unknot.files import read_json, write_json, write_text
from unknot.progress import progress_bar
from unknot.report import Table

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "mutants.md"
CACHE = ROOT / "build" / "mutants.json"
ROOMS = ("envs", "representation", "planners", "agents", "models", "experiments", "pretrained")
SEED, PER_MODULE, WORKERS = 0, 8, 2
TARGET = 0.95
SECONDS = 300
"""After so long the tests count as having noticed: a change can loop for ever."""
SKIPPED = ("Variable", "RemoveDecorator", "ExceptionReplacer", "BitOr", "ZeroIteration")
"""Operators that make no slip of the hand, or that change annotations (`int | None`)."""


@dataclass(frozen=True)
class Mutant:
    """A changed module."""

    module: str
    """Path from the top: "planners/ilqr.py"."""
    before: str
    """The line that is changed."""
    after: str
    code: str
    """The whole changed module."""

    @property
    def change(self) -> str:
        """The lines before and after."""
        return f"{self.before} -> {self.after}"

    @property
    def reason(self) -> str:
        """Why nobody can notice it; "" if somebody could."""
        return reason(self.module, self.change)

    @property
    def key(self) -> str:
        """Digest of the changed code and of the tests that are to notice it."""
        names = (test.split("::")[0] for test in TESTS[self.module])
        files = dict.fromkeys(name for name in names if name.endswith(".py"))
        tests = b"".join((ROOT / file).read_bytes() for file in files)
        return hashlib.sha256(self.code.encode() + tests).hexdigest()


def mutants(module: str, number: int) -> list[Mutant]:
    """Return a sample of the changes of a module, no two of one place."""
    code = (ROOT / module).read_text()
    nodes = list(ast_nodes(get_ast(code)))
    places: dict[tuple[int, int], list[tuple[str, int]]] = defaultdict(list)
    for name in sorted(operator_names()):
        if not any(skipped in name for skipped in SKIPPED):
            operator = get_operator(name)()
            found = [begin for node in nodes for begin, _ in operator.mutation_positions(node)]
            for occurrence, place in enumerate(found):
                places[place].append((name, occurrence))
    rng = random.Random(f"{SEED} {module}")
    chosen = rng.sample(sorted(places), min(number, len(places)))
    return [_mutant(module, code, place, *rng.choice(places[place])) for place in chosen]


def unchanged(module: str) -> Mutant:
    """Return a module as it is: tests that fail without a change notice nothing."""
    return Mutant(module, "", "", (ROOT / module).read_text())


def _mutant(module: str, code: str, place: tuple[int, int], operator: str, occurrence: int) -> Mutant:
    changed = mutate_code(code, get_operator(operator)(), occurrence)
    before, after = code.splitlines(), changed.splitlines()
    line = next((n for n, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), 0)
    return Mutant(module, before[line].strip(), after[line].strip(), changed)


def build(folder: Path) -> None:
    """Copy the package, laid out as installed, and its tests into a folder."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "unknot", folder / "unknot", ignore=ignore)
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / "unknot" / room, ignore=ignore)
    for name in ("tests", "torture", "examples"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", folder)


def noticed(mutant: Mutant, folder: Path) -> bool:
    """Run the tests of a module with the change, in a forked process whose libraries are loaded already."""
    path = folder / "unknot" / mutant.module
    original = path.read_text()
    path.write_text(mutant.code)
    process = multiprocessing.get_context("fork").Process(target=_test, args=(folder, TESTS[mutant.module]))
    try:
        process.start()
        process.join(SECONDS)
        return process.exitcode != 0
    finally:
        process.kill()
        process.join()
        path.write_text(original)


def _test(folder: Path, tests: tuple[str, ...]) -> None:
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    for name in [name for name in sys.modules if name.split(".")[0] in ("unknot", "torture", "tests")]:
        del sys.modules[name]
    for name in [name for name in registry if name.startswith("unknot/")]:  # importing unknot registers again
        del registry[name]
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    os._exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests]))


def _work(tasks: Iterable[Mutant], results: "multiprocessing.SimpleQueue[tuple[str, bool]]") -> None:
    import scipy.optimize  # noqa: F401  (loaded once, before the forks)
    import sklearn.ensemble  # noqa: F401
    import stable_baselines3  # noqa: F401
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        build(folder)
        for mutant in tasks:
            results.put((mutant.key, noticed(mutant, folder)))


def try_all(tasks: list[Mutant]) -> dict[str, bool]:
    """Return by its key whether each change is noticed; those that `CACHE` has are not tried again."""
    known: dict[str, bool] = read_json(CACHE) if CACHE.exists() else {}
    waiting = [mutant for mutant in tasks if mutant.key not in known]
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    processes = [context.Process(target=_work, args=(waiting[k::WORKERS], results)) for k in range(WORKERS)]
    for process in processes:
        process.start()
    try:
        with progress_bar(True) as progress:
            task = progress.add_task("changes", total=len(waiting))
            for _ in waiting:
                key, found = results.get()
                known[key] = found
                write_json(CACHE, known)
                progress.advance(task)
    finally:
        for process in processes:
            process.terminate()
            process.join()
    return known


def tabulate(chosen: list[Mutant], outcome: dict[str, bool]) -> tuple[list[Table], float]:
    """Make the tables: changes noticed by module, and the changes that were not; and the share noticed."""
    rows, left = [], []
    for module in TESTS:
        own = [mutant for mutant in chosen if mutant.module == module]
        equal = [mutant for mutant in own if not outcome[mutant.key] and mutant.reason]
        missed = [mutant for mutant in own if not outcome[mutant.key] and not mutant.reason]
        rows.append(
            (module, *map(str, (len(own), len(own) - len(equal) - len(missed), len(equal), len(missed))))
        )
        left += [(f"`{m.module}`", f"`{m.before}`", f"`{m.after}`", m.reason) for m in equal + missed]
    tried, found, equal_count = (sum(int(row[k]) for row in rows) for k in (1, 2, 3))
    share = found / (tried - equal_count)
    columns = ("module", "changes tried", "noticed", "nothing to notice", "not noticed")
    total = ("all", str(tried), str(found), str(equal_count), str(tried - found - equal_count))
    by_module = Table("Changes by module", columns, (*rows, total))
    return [
        by_module,
        Table("Changes not noticed", ("module", "line", "changed to", "why"), tuple(left)),
    ], share


def main() -> int:
    """Try a sample of changes, write the page, and return 1 if too few were noticed."""
    parser = argparse.ArgumentParser(prog="python -m torture.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", choices=[*TESTS, []], help="these alone; no page is written")
    parser.add_argument("--number", type=int, default=PER_MODULE, help="changes of each module")
    options = parser.parse_args()
    modules = options.modules or list(TESTS)
    chosen = [mutant for name in modules for mutant in mutants(name, options.number)]
    as_it_is = [unchanged(name) for name in modules]
    outcome = try_all([*as_it_is, *chosen])
    if failing := [mutant.module for mutant in as_it_is if outcome[mutant.key]]:
        raise SystemExit(f"the tests of {', '.join(failing)} fail without any change")
    tables, share = tabulate(chosen, outcome)
    for mutant in chosen:
        if not outcome[mutant.key] and not mutant.reason:
            print(f"{mutant.module}: {mutant.change}")
    verdict = f"The tests notice {share:.1%} of the changes (target: {TARGET:.0%})"
    print(verdict)
    if not options.modules:
        head = f"# Mutants\n\n{verdict}. `make mutants` made this page; `torture/mutants.py` says how.\n"
        write_text(PAGE, "\n".join([head, *(table.to_markdown() for table in tables)]))
    return share < TARGET


if __name__ == "__main__":
    raise SystemExit(main())
