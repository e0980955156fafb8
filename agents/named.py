"""Agents by their names on the command line, and the expert of each environment."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

from gymnasium.vector import VectorEnv

from unknot.checks import count, require, unknown
from unknot.files import AGENT, CONFIG, read_object
from unknot.learners import PLANNING_AGENTS, PlanningRow
from unknot.run_folders import find_model, pretrained_names, run_names

from .digit_expert import DigitExpert
from .environments import copies_for, make_environment
from .evaluation import Agent, Evaluation, evaluate_agent
from .experts import RandomAgent, ShakenLineExpert
from .maze_experts import MazeExpert

__all__ = ["EXPERTS", "RULES", "Opened", "compare_agents", "find_agent", "home"]

Vector: TypeAlias = VectorEnv[Any, Any, Any]
Opened: TypeAlias = Callable[[int], tuple[Agent, Vector]]
"""Takes a number of copies; returns the agent and so many copies of its environment as it observes them."""


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
"""By environment, the function that makes its expert from the innermost vector environment."""


def _narrow_side(env: Any) -> Agent:
    require("learn", "torch")
    from .narrow_side import NarrowSideAgent

    return NarrowSideAgent()


RULES: dict[str, Callable[[Any], Agent]] = {
    "unknot/Grasp-v0": _narrow_side,
    "unknot/Planar-v0": lambda env: ShakenLineExpert(),
}
"""By environment, the function that makes its trivial baseline: problems that it solves need no learning."""


def compare_agents(
    names: Sequence[str],
    environment: str,
    options: Mapping[str, Any],
    *,
    episodes: int = 100,
    seed: int = 0,
    problems: Sequence[Mapping[str, Any]] | None = None,
    trust_pickle: bool = False,
) -> dict[str, Evaluation]:
    """Evaluate agents on the same problems; all are found before the first one acts.

    Args:
        names: names of agents, as for `find_agent`.
        environment: the id of the environment.
        options: the environment's keyword arguments.
        episodes: number of episodes of each agent, at least 1; ignored with problems.
        seed: seed of the first episode.
        problems: your own, as `evaluate_agent` takes them.
        trust_pickle: whether the authors of zip files are trusted.

    Raises:
        FileNotFoundError: an agent does not exist.
        FileError: a file can't be used.
        ValueError: an agent or an option doesn't fit the environment, or there are no episodes.
    """
    if problems is not None:
        episodes = len(problems)
    count(1, episodes=episodes)
    found = [find_agent(name, environment, options, seed=seed, trust_pickle=trust_pickle) for name in names]
    results = {}
    for name, opened in zip(names, found, strict=True):
        agent, env = opened(copies_for(environment, episodes))
        results[name] = evaluate_agent(agent, env, episodes, seed, problems=problems)
        env.close()
    return results


def find_agent(
    name: str, environment: str, options: Mapping[str, Any], *, seed: int = 0, trust_pickle: bool = False
) -> Opened:
    """Find an agent.

    Args:
        name: "random"; "rule", the trivial baseline; "expert"; the run of a trained agent; a run, or weights
            that ship, to plan with ("pretrained/dynamics-content", or "pretrained/dynamics-content/solid" for
            one of its models); or a zip file of Stable-Baselines3.
        environment: the id of the environment it is for.
        options: the environment's keyword arguments.
        seed: seed of a random agent's actions.
        trust_pickle: whether a zip file's author is trusted (see `load_zip`).

    Raises:
        FileNotFoundError: no agent has this name; the sentence gives near matches.
        FileError: a file can't be used.
        ValueError: the agent is for another environment, or the environment refuses its options.
    """
    count(0, seed=seed)
    space = make_environment(environment, 1, options).single_action_space  # refuses a wrong name or option
    if name == "random":
        return _unwrapped(
            lambda env: RandomAgent(space, seed, env.single_observation_space), environment, options
        )
    for kind, makers in {"expert": EXPERTS, "rule": RULES}.items():
        if name == kind:
            if environment not in makers:
                raise ValueError(f"{environment} has no {kind}; {', '.join(makers)} have one")
            return _unwrapped(makers[environment], environment, _in_own_units(options))
    if name.endswith(".zip") and Path(name).is_file():
        require("agents", "stable_baselines3")
        from .saved import load_zip

        model = load_zip(Path(name), trust_pickle=trust_pickle)
        return _unwrapped(lambda env: model, environment, options)
    return _of_run(name, environment, options)


def home(name: str) -> tuple[str, dict[str, Any]] | None:
    """Return the environment that an agent was made for, and its options; None if it has none of its own.

    Args:
        name: as for `find_agent`. An agent that trained has one, and so has a run to plan with.

    Raises:
        FileNotFoundError: there is no run of this name.
    """
    folder, model = _run_and_model(name)
    if (folder / AGENT).exists():
        from .saved import read_settings

        settings = read_settings(folder)
        return settings.environment, settings.options
    if not (folder / CONFIG).exists():
        return None
    experiment = read_object(folder / CONFIG, experiment=str)["experiment"]
    for (run, there), row in PLANNING_AGENTS.items():
        if run == experiment:
            return there, {**row.home, **row.worlds.get(model or row.model, {})}
    return None


def _unwrapped(make: Callable[[Any], Agent], environment: str, options: Mapping[str, Any]) -> Opened:
    """Open the environment without wrappers, and an agent for it."""

    def opened(copies: int) -> tuple[Agent, Vector]:
        env = make_environment(environment, copies, options)
        return make(env.unwrapped), env

    return opened


def _of_run(name: str, environment: str, options: Mapping[str, Any]) -> Opened:
    """Find what a run trained: an agent, or learners that an agent plans with."""
    folder, model = _run_and_model(name)
    if (folder / AGENT).exists():
        require("agents", "stable_baselines3")
        from .saved import SavedAgent

        agent = SavedAgent.load(folder)
        agent.make_environment(environment, 1, options)  # refuses an environment that doesn't fit
        return lambda copies: (agent, agent.make_environment(environment, copies, options))
    if not (folder / CONFIG).exists():
        raise FileNotFoundError(f"{folder} has neither {AGENT} nor {CONFIG}: there is no agent in it")
    experiment = read_object(folder / CONFIG, experiment=str)["experiment"]
    if (experiment, environment) not in PLANNING_AGENTS:
        known = "; ".join(f"{there} with runs of {run!r}" for run, there in PLANNING_AGENTS)
        raise ValueError(
            f"{folder} is a run of {experiment!r}, with which no agent plans in {environment}: {known}"
        )
    require("learn", "torch")
    row = PLANNING_AGENTS[experiment, environment]
    for option in row.alone:
        given = getattr(make_environment(environment, 1, options).unwrapped.simulation, option)  # type: ignore[attr-defined]
        if given != row.home[option]:
            raise ValueError(
                f"{folder} learnt in {environment} with {option}={row.home[option]} and plans nowhere else: "
                f"{option} must be {row.home[option]}, not {given}"
            )
    chosen = model or _model_for(options, row, folder)
    planner: Agent = getattr(import_module(row.module), row.kind).load(folder, chosen)
    return _unwrapped(lambda env: planner, environment, _in_own_units(options))


def _model_for(options: Mapping[str, Any], row: PlanningRow, folder: Path) -> str:
    """Return the model of a run that learnt in such an environment, if there is one; else the row's own."""
    for model, world in row.worlds.items():
        if world.items() <= options.items() and (folder / model).is_dir():
            return model
    return row.model


def _run_and_model(name: str) -> tuple[Path, str | None]:
    """Find the seed folder of "RUN" or of "RUN/MODEL", and the model if one is named."""
    try:
        return find_model(name)
    except FileNotFoundError:
        known = ["random", "rule", "expert", *pretrained_names(), *run_names()]
        raise FileNotFoundError(unknown("agent", name, known)) from None


def _in_own_units(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the same problems for agents whose actions are in the environment's own units."""
    return {name: value for name, value in options.items() if name != "normalize_actions"}
