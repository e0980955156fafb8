"""Agents by the names that the command line has for them, and the experts of each environment."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

from gymnasium.vector import VectorEnv

from unknot.checks import require, unknown
from unknot.files import AGENT, find_seed, pretrained_names, read_json, run_names

from .digit_expert import DigitExpert
from .environments import copies_for, make_environment
from .evaluation import Agent, Evaluation, evaluate_agent
from .experts import RandomAgent
from .maze_experts import MazeExpert

__all__ = ["EXPERTS", "Opened", "compare_agents", "find_agent"]

Vector: TypeAlias = VectorEnv[Any, Any, Any]
Opened: TypeAlias = Callable[[int], tuple[Agent, Vector]]
"""Makes so many copies of an environment as an agent sees it, and hands over both."""


def _grasp_expert(env: Any) -> Agent:
    from .grasp_experts import GraspExpert

    return GraspExpert(env.objects)


def _reach_expert(env: Any) -> Agent:
    from .grasp_experts import ReachExpert

    return ReachExpert(env.objects)


def _planar_expert(env: Any) -> Agent:
    require("learn", "torch")
    from .planar_expert import ILQRExpert

    return ILQRExpert(env.simulation.world)


EXPERTS: dict[str, Callable[[Any], Agent]] = {
    "unknot/Grasp-v0": _grasp_expert,
    "unknot/GraspReach-v0": _reach_expert,
    "unknot/Maze-v0": lambda env: MazeExpert(env.simulation),
    "unknot/MnistGrid-v0": lambda env: DigitExpert(env.simulation.size),
    "unknot/Planar-v0": _planar_expert,
}
"""By environment, what makes its expert of the innermost vector environment."""

PLANNERS = {
    ("agents", "unknot/Maze-v0"): (".latent_path", "LatentPathAgent", "mazes/planning"),
    ("agents", "unknot/MnistGrid-v0"): (".latent_path", "LatentPathAgent", "digits/planning"),
    ("controllable-factors", "unknot/Maze-v0"): (".latent_path", "LatentPathAgent", "planning/reach"),
    ("dynamics-content", "unknot/Planar-v0"): (".planning", "PlanningAgent", "published"),
    ("grasping", "unknot/Grasp-v0"): (".grasping", "GraspAgent", "geometry"),
    ("grasping", "unknot/GraspReach-v0"): (".grasping", "ReachAgent", "geometry"),
}
"""By experiment and environment, the agent that plans in what was learnt: its module, its class, the models
it loads."""


def compare_agents(
    names: Sequence[str],
    environment: str,
    options: Mapping[str, Any],
    *,
    episodes: int = 100,
    seed: int = 0,
    trust_pickle: bool = False,
) -> dict[str, Evaluation]:
    """Evaluate agents on the same problems; all are found before the first one acts.

    Args:
        names: of agents, as for `find_agent`.
        environment: the id of the environment.
        options: the environment's keyword arguments.
        episodes: how many each plays, at least 1.
        seed: of the first episode.
        trust_pickle: whether authors of zip files are trusted.

    Raises:
        FileNotFoundError: an agent that isn't there.
        FileError: a file that can't be used.
        ValueError: an agent or an option that doesn't go with the environment, or no episodes.
    """
    if episodes < 1:
        raise ValueError(f"episodes must be at least 1, not {episodes}")
    found = [find_agent(name, environment, options, seed=seed, trust_pickle=trust_pickle) for name in names]
    results = {}
    for name, opened in zip(names, found, strict=True):
        agent, env = opened(copies_for(environment, episodes))
        results[name] = evaluate_agent(agent, env, episodes, seed)
        env.close()
    return results


def find_agent(
    name: str, environment: str, options: Mapping[str, Any], *, seed: int = 0, trust_pickle: bool = False
) -> Opened:
    """Find an agent.

    Args:
        name: "random"; "expert"; the run of a trained agent; a run, or weights that ship, to plan in
            ("pretrained/dynamics-content", or "pretrained/dynamics-content/solid" for another of its models);
            or a zip file of Stable-Baselines3's.
        environment: the id of the environment it is for.
        options: the environment's keyword arguments.
        seed: of what it draws.
        trust_pickle: whether a zip file's author is trusted (see `load_zip`).

    Raises:
        FileNotFoundError: there is none of that name; the sentence gives near matches.
        FileError: a file that can't be used.
        ValueError: the agent is for another environment, or the environment refuses its options.
    """
    if seed < 0:
        raise ValueError(f"seed must be at least 0, not {seed}")
    space = make_environment(environment, 1, options).single_action_space  # tells a wrong name or option
    if name == "random":
        return _seeing_all(lambda env: RandomAgent(space, seed), environment, options)
    if name == "expert":
        if environment not in EXPERTS:
            raise ValueError(f"{environment} has no expert; {', '.join(EXPERTS)} have")
        return _seeing_all(EXPERTS[environment], environment, _in_own_units(options))
    if name.endswith(".zip") and Path(name).is_file():
        require("agents", "stable_baselines3")
        from .saved import load_zip

        model = load_zip(Path(name), trust_pickle=trust_pickle)
        return _seeing_all(lambda env: model, environment, options)
    return _of_run(name, environment, options)


def _seeing_all(make: Callable[[Any], Agent], environment: str, options: Mapping[str, Any]) -> Opened:
    """Open the environment as it is, and an agent for it."""

    def opened(copies: int) -> tuple[Agent, Vector]:
        env = make_environment(environment, copies, options)
        return make(env.unwrapped), env

    return opened


def _of_run(name: str, environment: str, options: Mapping[str, Any]) -> Opened:
    """Find what a run trained: an agent, or what an agent can plan in."""
    folder, model = _run_and_model(name)
    if (folder / AGENT).exists():
        require("agents", "stable_baselines3")
        from .saved import SavedAgent

        agent = SavedAgent.load(folder)
        agent.make_environment(environment, 1, options)  # tells if it doesn't fit
        return lambda copies: (agent, agent.make_environment(environment, copies, options))
    if not (folder / "config.json").exists():
        raise FileNotFoundError(f"{folder} has neither agent.json nor config.json: there is no agent in it")
    experiment = read_json(folder / "config.json")["experiment"]
    if (experiment, environment) not in PLANNERS:
        planners = "; ".join(f"{there} in runs of {run!r}" for run, there in PLANNERS)
        raise ValueError(
            f"{folder} is a run of {experiment!r}, in which no agent plans for {environment}: {planners}"
        )
    require("learn", "torch")
    module, kind, models = PLANNERS[experiment, environment]
    planner: Agent = getattr(import_module(module, __package__), kind).load(folder, model or models)
    return _seeing_all(lambda env: planner, environment, _in_own_units(options))


def _run_and_model(name: str) -> tuple[Path, str | None]:
    """Find the seed folder of "RUN" or of "RUN/MODEL", and the model if one is named."""
    run, _, model = name.rpartition("/")
    for candidate, named in ((name, None), (run, model)):
        with contextlib.suppress(FileNotFoundError):
            folder = find_seed(candidate)
            if named is None or (folder / named).is_dir():
                return folder, named
    known = ["random", "expert", *pretrained_names(), *run_names()]
    raise FileNotFoundError(unknown("agent", name, known))


def _in_own_units(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options for agents that answer in the actions' own units: the same problems otherwise."""
    return {name: value for name, value in options.items() if name != "normalize_actions"}
