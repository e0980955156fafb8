"""How long does an agent that plans in a learnt model take: for episodes, and for one answer?

The shipped agent (`pretrained/dynamics-content/solid`) in the planar environment with solid obstacles,
starts and goals anywhere. Episodes: seconds of the clock, all cores. Answers: milliseconds of one `predict`
of 1, 64 and 1,024 observations at a time, mean and largest, resets included, one thread. Planning loss: that
of the models of `dynamics-content`, in units of the best planner's on the true map.

    python benchmarks/planning_agents.py
    python benchmarks/planning_agents.py --iterations 2 10   # of plans that begin from the last one
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gymnasium as gym
import numpy as np
import torch

import unknot  # noqa: F401  registers the environments
from unknot.agents import PlanningAgent, evaluate_agent
from unknot.agents.planar_problems import HORIZON, planning_loss, reference, roll_out, sample_problems
from unknot.experiments.dynamics_content.measures import FIRST_PROBLEM
from unknot.experiments.dynamics_content.models import SETS

ID = "unknot/Planar-v0"
OPTIONS: dict[str, Any] = {"collision": "solid", "task": "anywhere", "noise": 0.0}
RUN = "pretrained/dynamics-content"
AT_ONCE = (1, 64, 1024)
PROBLEMS = 40
"""Problems whose planning loss is measured, the first of those of `dynamics-content`."""


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--episodes", type=int, default=1000)
    parser.add_argument("--iterations", type=int, nargs="+", default=[2], help="of plans after the first")
    parser.add_argument("--answers", type=int, default=410, help="to one observation at a time; 41 to more")
    options = parser.parse_args()
    threads = torch.get_num_threads()
    for iterations in options.iterations:
        agent = PlanningAgent.load(f"{RUN}/solid", replanning_iterations=iterations)
        torch.set_num_threads(threads)
        show_episodes(agent, options.episodes, f"{iterations} iterations")
        torch.set_num_threads(1)
        show_answers(agent, options.answers)
        for rule in ("published", "solid"):
            show_losses(rule, iterations)


def show_episodes(agent: Any, episodes: int, name: str) -> None:
    """Print how long episodes take, and how they end."""
    start = time.perf_counter()
    result = evaluate_agent(agent, ID, episodes=episodes, seed=0, env_kwargs=OPTIONS)
    seconds = time.perf_counter() - start
    print(
        f"\n{name}, {episodes:,} episodes: {seconds:.1f} s, {result.success_rate:.1%} at the goal, "
        f"mean return {result.mean_return:.2f}"
    )


def show_answers(agent: Any, steps: int) -> None:
    """Print how long answers take."""
    print(f"{'observations at once':24}{'mean ms':>10}{'largest ms':>12}{'ms for each':>13}")
    for count in AT_ONCE:
        answers = 1000 * answering(agent, count, steps if count == 1 else 41)
        mean = answers.mean()
        print(f"{count:<24}{mean:10.1f}{answers.max():12.1f}{mean / count:13.3f}")


def show_losses(rule: str, iterations: int) -> None:
    """Print the planning loss under a collision rule, for both sets of images."""
    agent = PlanningAgent.load(f"{RUN}/{rule}", replanning_iterations=iterations)
    problems = sample_problems("anywhere", {"collision": rule}, PROBLEMS, FIRST_PROBLEM)
    with TemporaryDirectory() as folder:
        best = reference(problems, Path(folder)).best_loss.mean()
    for images, appearance in SETS.items():
        loss = planning_loss(roll_out(agent, problems, appearance, HORIZON), problems.goals).mean()
        print(f"planning loss, {rule} rule, images {images}: {loss / best:.3f}")


def answering(agent: Any, count: int, steps: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the seconds (steps,) that each `predict` of some observations takes, resets included."""
    env = gym.make_vec(ID, num_envs=count, **OPTIONS)
    observation, _ = env.reset(seed=0)
    state, restart, seconds = None, np.ones(count, bool), []
    agent.predict(observation, None, restart)  # warms up
    for _ in range(steps):
        start = time.perf_counter()
        actions, state = agent.predict(observation, state, restart)
        seconds.append(time.perf_counter() - start)
        observation, _, terminated, truncated, _ = env.step(actions)
        restart = terminated | truncated
    return np.array(seconds)


if __name__ == "__main__":
    main()
