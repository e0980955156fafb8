"""How many 64 × 64 frames a second do the grids step and render, in one process?

Measured side by side, in turns, best of several rounds: native vector environments through `gym.make_vec`,
random actions, infos and autoreset included; the same through `SyncVectorEnv`; a plain copy of the bytes they
return; Minigrid with RGB observations, 8 × 8 tiles of 8 pixels, also through `SyncVectorEnv`. Seconds are
processor time, so that other load on the machine matters little.

What limits the maze, by a profile of the same loop: rendering takes 57% of a step, half of it the copy into
fresh arrays; infos 15%, moving and counting 9%, new layouts 5%.

    python benchmarks/grid_frames.py
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

import unknot  # noqa: F401  registers the environments

MAZE, DIGITS = "unknot/Maze-v0", "unknot/MnistGrid-v0"
STEPS = 101
"""Steps of a run: an episode, and the step that resets."""


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--num-envs", type=int, default=1024)
    parser.add_argument("--seconds", type=float, default=2.0, help="time for each measurement")
    parser.add_argument("--rounds", type=int, default=5, help="turns; the best of each contender counts")
    options = parser.parse_args()
    n = options.num_envs

    contenders: dict[str, Callable[[], int]] = {
        "Maze": stepping(gym.make_vec(MAZE, num_envs=n)),
        "Maze, dense, 10 × 10": stepping(gym.make_vec(MAZE, num_envs=n, size=10, reward="dense")),
        "Maze, two switches to set": stepping(gym.make_vec(MAZE, num_envs=n, switches=2, task="switch")),
        "Maze, goal as an image": stepping(gym.make_vec(MAZE, num_envs=n, goal="image")),
        "MnistGrid": stepping(gym.make_vec(DIGITS, num_envs=n)),
        "copying the bytes of an image each": copying(n),
        "Maze, SyncVectorEnv of 16": stepping(gym.make_vec(MAZE, num_envs=16, vectorization_mode="sync")),
        "Minigrid RGB, SyncVectorEnv of 16": stepping(minigrid()),
    }
    rates = dict.fromkeys(contenders, 0.0)
    for _ in range(options.rounds):
        for name, run in contenders.items():
            rates[name] = max(rates[name], rate(run, options.seconds / options.rounds))
    slowest = rates["Minigrid RGB, SyncVectorEnv of 16"]
    print(f"{'frames a second':40}{'rate':>12}{'of Minigrid':>20}")
    for name, value in rates.items():
        print(f"{name:40}{value:12,.0f}{value / slowest:14.2f} times")


def rate(run: Callable[[], int], seconds: float) -> float:
    """Return frames per second of processor time."""
    run()
    frames, start = 0, time.process_time()
    while (passed := time.process_time() - start) < seconds:
        frames += run()
    return frames / passed


def stepping(env: Any) -> Callable[[], int]:
    """Step an environment with random actions over whole episodes."""
    env.reset(seed=0)
    actions = [env.action_space.sample() for _ in range(STEPS)]

    def run() -> int:
        for action in actions:
            env.step(action)
        return len(actions) * int(env.num_envs)

    return run


def copying(n: int) -> Callable[[], int]:
    """Copy an image of each of n observations into fresh arrays."""
    images = np.zeros((n, 64, 64, 3), dtype=np.uint8)

    def run() -> int:
        for _ in range(STEPS):
            images.copy()
        return STEPS * n

    return run


def minigrid(n: int = 16) -> gym.vector.SyncVectorEnv:
    """Return Minigrid's empty room, 8 by 8 tiles, seen whole as 64 × 64 RGB."""
    import minigrid.wrappers

    wrappers: Any = minigrid.wrappers

    def make() -> Any:
        return wrappers.ImgObsWrapper(wrappers.RGBImgObsWrapper(gym.make("MiniGrid-Empty-8x8-v0")))

    return gym.vector.SyncVectorEnv([make] * n)


if __name__ == "__main__":
    main()
