"""Success in mazes, counted against the fewest steps that solve each problem."""

from typing import Any

from .evaluation import Agent, evaluate_agent
from .intervals import as_digits, wilson_interval
from .maze_experts import MazeExpert, fewest_steps

__all__ = ["solve"]


def solve(agent: Agent | None, env: Any, seed: int, slack: float, *, greedy: bool = False) -> dict[str, Any]:
    """Pose a problem in each copy of the maze, to an agent, or to an expert if there is none.

    Args:
        agent: any with Stable-Baselines3's `predict`; None for `MazeExpert`.
        env: copies of `unknot/Maze-v0` with a task, whose episodes go on at the goal, where an agent stays.
            They end later than `slack` times the fewest steps. It is closed.
        seed: of the first problem; that of copy k is `seed + k`.
        slack: steps allowed, as a multiple of the fewest.
        greedy: whether the expert is the trivial baseline, without planning.

    Returns:
        `rate`, the share solved in the steps allowed, its Wilson `interval`, `count`, how many problems there
        were, the `outcomes` of each, and `length`, the mean of the steps taken over the fewest where it was
        solved, None if nowhere.
    """
    maze, problems = env.unwrapped.simulation, env.num_envs
    env.reset(seed=[seed + k for k in range(problems)])
    fewest = fewest_steps(maze)
    actor = agent or MazeExpert(maze, greedy=greedy)
    result = evaluate_agent(actor, env, problems, seed, max_steps=int(slack * fewest.max()))
    env.close()
    solved = (result.steps > 0) & (result.steps <= slack * fewest)
    return {
        "rate": float(solved.mean()),
        "interval": wilson_interval(int(solved.sum()), problems),
        "count": problems,
        "outcomes": as_digits(solved),
        "length": float((result.steps / fewest)[solved].mean()) if solved.any() else None,
    }
