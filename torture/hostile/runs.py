"""Run folders whose files were damaged, cut or made up, given to the commands that read them."""

import contextlib
import io
import json
import shlex
import shutil
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

from torture.hostile.case import Case
from unknot import cli
from unknot.files import AGENT, CONFIG, METRICS, WEIGHTS, FileError, read_json
from unknot.terminal import console

IMPORTED = ("unknot.agents.saved", "unknot.agents.named", "unknot.experiments.covariance_penalty")
"""What the commands would import in each forked process anew."""
DEEP = "[" * 10_000
SHIPPED = Path(str(files("unknot.pretrained"))) / "covariance-penalty/seed-0"
AGENT_SETTINGS = {"algorithm": "PPO", "environment": "unknot/Planar-v0", "observe": "factors"}
CURVE = {"steps": 0, "episodes": 1, "success_rate": 0.0, "mean_return": 0.0, "seconds": 0.0}

NOT_OBJECTS = {"empty": "", "cut": '{"a', "[]": "[]", "a string": '"x"', "null": "null", "deep": DEEP}
"""Contents of a file that are no object of JSON, or none at all."""
CONFIGS: dict[str, dict[str, Any]] = {
    "an unknown experiment": {"experiment": "covariance-penalties"},
    "a list for the experiment": {"experiment": []},
    "a path for the experiment": {"experiment": "../../../etc/passwd"},
    "no preset": {"preset": None},
    "a number for settings": {"settings": 7},
    "an unknown setting": {"settings": {"depth": 3}},
    "a setting of another type": {"settings": {"xor": {"steps": "many"}}},
    "NaN for a count": {"settings": {"xor": {"steps": float("nan")}}},
    "a list for a part": {"settings": {"xor": [1]}},
    "an unknown part": {"settings": {"part": "everything"}},
    "true for the seed": {"seed": True},
    "a seed below 0": {"seed": -1},
    "a seed of 10**40": {"seed": 10**40},
    "a fraction for the seed": {"seed": 0.5},
}
"""What replaces entries of a config.json."""
METRICS_OF_RUNS = {
    "{}": "{}",
    "parts that are a list": '{"parts": []}',
    "no parts": '{"parts": {}, "seed": 0}',
    "a part without entries": '{"parts": {"xor": {}}}',
    "a string for a part": '{"parts": {"xor": "fine"}}',
    "text for numbers": '{"parts": {"xor": {"plain": "x", "penalised": "y"}}}',
}
"""Contents of a metrics.json that no table can be made of."""
AGENTS: dict[str, dict[str, Any]] = {
    "an unknown algorithm": {"algorithm": "PPOO"},
    "a list for the algorithm": {"algorithm": ["PPO"]},
    "an unknown environment": {"environment": "unknot/Planer-v0"},
    "a number for the environment": {"environment": 5},
    "a list for options": {"options": [1]},
    "an unknown option": {"options": {"maps": "gates"}},
    "an unknown observation": {"observe": "sounds"},
    "hindsight without a buffer": {"her": True},
    "text for a flag": {"finetune": "no"},
    "a list for hyperparameters": {"hyperparameters": [1]},
    "an unknown hyperparameter": {"hyperparameters": {"depthness": 1}},
    "text for a rate": {"hyperparameters": {"learning_rate": "fast"}},
    "a seed below 0": {"seed": -1},
    "an entry of no version": {"colour": "red"},
}
"""What replaces entries of an agent.json."""
CURVES = {
    "{}": "{}",
    "a number for the curve": '{"curve": 3, "best": {"steps": 0}}',
    "no best": json.dumps({"curve": [CURVE]}),
    "text for a rate": json.dumps({"curve": [CURVE | {"success_rate": "all"}], "best": CURVE}),
}
"""Contents of an agent's metrics.json."""


def cases() -> Iterable[Case]:
    """Return the cases."""
    for module in IMPORTED:
        import_module(module)
    for name, text in NOT_OBJECTS.items():
        yield Case(f"{CONFIG}: {name}: evaluate", partial(_run, {CONFIG: text}), command("evaluate"))
        yield Case(f"{CONFIG}: {name}: --resume", partial(_run, {CONFIG: text}), resume)
        yield Case(f"{METRICS}: {name}: show", partial(_run, {METRICS: text}), command("show"))
        yield Case(f"{AGENT}: {name}: evaluate-agent", partial(_agent, {AGENT: text}), evaluate_agent)
        yield Case(f"{AGENT}: {name}: list", partial(_agent, {AGENT: text}), lists_others, refused=False)
        yield Case(f"{CONFIG}: {name}: list", partial(_run, {CONFIG: text}), lists_others, refused=False)
    for name, entries in CONFIGS.items():
        changed = json.dumps(read_json(SHIPPED / CONFIG) | entries)
        yield Case(f"{CONFIG}: {name}: evaluate", partial(_run, {CONFIG: changed}), command("evaluate"))
    for name, text in METRICS_OF_RUNS.items():
        yield Case(f"{METRICS}: {name}: show", partial(_run, {METRICS: text}), command("show"))
    for name, entries in AGENTS.items():
        changed = json.dumps(AGENT_SETTINGS | entries)
        yield Case(f"{AGENT}: {name}: evaluate-agent", partial(_agent, {AGENT: changed}), evaluate_agent)
    for name, text in CURVES.items():
        yield Case(f"{AGENT}, {METRICS}: {name}: show", partial(_agent, {METRICS: text}), command("show"))
    yield Case("weights missing", partial(_run, {f"xor/{WEIGHTS}": None}), command("evaluate"))
    yield Case("weights cut", partial(_run, {f"xor/{WEIGHTS}": "{"}), command("evaluate"))
    yield Case("weights of an agent missing", partial(_agent, {}), evaluate_agent)
    for name in ("seed-²", "seed-٣", "seed-007", "seed--1", "seed-", "seed-1e3", "seed-0.5"):
        yield Case(f"a folder called {name}", partial(_extra, name), lists_others, refused=False)
    yield Case("a file called seed-5", partial(_run, {"../seed-5": ""}), lists_others, refused=False)


# Folders


def _run(changes: dict[str, str | None], folder: Path) -> Path:
    """Copy a run that ships into runs/, with other contents of some files; None removes one."""
    seed = folder / "runs/covariance-penalty/bad/seed-0"
    shutil.copytree(SHIPPED, seed)
    return _changed(seed, changes)


def _agent(changes: dict[str, str | None], folder: Path) -> Path:
    """Make the folder of a trained agent that has its settings and its metrics, and no weights."""
    seed = folder / "runs/PPO-Planar-v0/bad/seed-0"
    seed.mkdir(parents=True)
    metrics = json.dumps({"curve": [CURVE], "best": CURVE})
    return _changed(seed, {AGENT: json.dumps(AGENT_SETTINGS), METRICS: metrics, **changes})


def _changed(seed: Path, changes: dict[str, str | None]) -> Path:
    for name, text in changes.items():
        if text is None:
            (seed / name).unlink()
        else:
            (seed / name).write_text(text)
    return seed


def _extra(name: str, folder: Path) -> Path:
    seed = _run({}, folder)
    (seed.parent / name).mkdir()
    (folder / "runs/other/empty" / name).mkdir(parents=True)
    return seed


# Commands


def unknot(words: str) -> str:
    """Run a command; a refusal becomes a `FileError` of its sentence."""
    out, err = io.StringIO(), io.StringIO()
    console.file = out
    try:
        with contextlib.redirect_stderr(err):
            cli.main(shlex.split(words))
    except SystemExit as error:
        if error.code != 2:
            raise
        raise FileError(err.getvalue().strip()) from error
    return out.getvalue()


def command(name: str) -> Callable[[Path], object]:
    """Return what gives a seed's folder to a command."""
    return lambda seed: unknot(f"{name} {shlex.quote(str(seed))}")


def evaluate_agent(seed: Path) -> object:
    """Let the agent act."""
    return unknot(f"evaluate-agent {shlex.quote(str(seed))} --env unknot/Planar-v0 --episodes 1")


def resume(seed: Path) -> object:
    """Resume the run."""
    place = shlex.quote(str(seed.parent))
    return unknot(f"run covariance-penalty --part xor --preset smoke --resume --out {place}")


def lists_others(seed: Path) -> None:
    """Check that `unknot list` names the run and what ships."""
    with contextlib.chdir(seed.parents[3]):
        output = unknot("list")
    assert "pretrained/dci" in output, output
    assert f"{seed.parents[1].name}/bad" in output, output
    assert "empty" not in output, output
