"""How many frames a second does the planar world step and render, in one process?

Measured side by side, in turns, best of several rounds: the native vector environment through `gym.make_vec`,
infos and autoreset included; the same through `SyncVectorEnv`; a plain copy of the bytes it returns; Minigrid
with RGB observations at its own size, also through `SyncVectorEnv`.

What limits it, by a profile of the same loop: rendering takes 37% of a step, moving and counting 25%, resets
(a call of each copy's own generator) 13%, the copy of the goals' images 12%, infos 9%. With noise, the call
of each copy's generator in every step takes longer than all the rest.

    python benchmarks/planar_frames.py
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

import unknot  # noqa: F401  registers the environments

ID = "unknot/Planar-v0"


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--num-envs", type=int, default=1024)
    parser.add_argument("--seconds", type=float, default=1.0, help="time for each measurement")
    parser.add_argument("--rounds", type=int, default=5, help="turns; the best of each contender counts")
    options = parser.parse_args()
    n = options.num_envs

    contenders: dict[str, Callable[[], int]] = {"gym.make_vec": stepping(gym.make_vec(ID, num_envs=n))}
    for collision, noise in (("solid", 0.0), ("published", 1.0)):
        vec = gym.make_vec(ID, num_envs=n, collision=collision, noise=noise)
        contenders[f"gym.make_vec, {collision}, noise {noise:g}"] = stepping(vec)
    contenders["rendering alone"] = rendering(n)
    contenders["copying the same bytes"] = copying(n)
    sync = gym.make_vec(ID, num_envs=n, vectorization_mode="sync")
    contenders["SyncVectorEnv"] = stepping(sync)
    contenders["Minigrid RGB, SyncVectorEnv"] = stepping(minigrid())

    rates = dict.fromkeys(contenders, 0.0)
    for _ in range(options.rounds):
        for name, run in contenders.items():
            rates[name] = max(rates[name], rate(run, options.seconds / options.rounds))
    ours = rates["gym.make_vec"]
    print(f"{'frames a second':40}{'rate':>12}{'gym.make_vec is':>20}")
    for name, value in rates.items():
        print(f"{name:40}{value:12,.0f}{ours / value:15.2f} times")


def rate(run: Callable[[], int], seconds: float) -> float:
    """Return frames a second."""
    run()
    frames, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        frames += run()
    return frames / passed


def stepping(env: Any) -> Callable[[], int]:
    """Step an environment over whole episodes, 41 steps with the one that resets."""
    env.reset(seed=0)
    actions = [env.action_space.sample() for _ in range(41)]

    def run() -> int:
        for action in actions:
            env.step(action)
        return len(actions) * int(env.num_envs)

    return run


def rendering(n: int) -> Callable[[], int]:
    """Render one image for each of n agents."""
    world = gym.make(ID).unwrapped.world  # type: ignore[attr-defined]
    positions = world.sample_free(n, np.random.default_rng(0))

    def run() -> int:
        for _ in range(41):
            world.render(positions)
        return 41 * n

    return run


def copying(n: int) -> Callable[[], int]:
    """Copy the two images of each of n observations into fresh arrays."""
    images = np.zeros((2, n, 40, 40, 1), dtype=np.uint8)

    def run() -> int:
        for _ in range(41):
            images[0].copy()
            images[1].copy()
        return 41 * n

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
