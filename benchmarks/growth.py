"""How do environments, planning and collection grow with the number of copies, problems and workers?

Copies and problems run in a process of their own for each number, whose largest memory is printed beside,
less what it had after imports:

- frames a second of the planar environment and of the maze, `gym.make_vec` with 1 to 4,096 copies, seconds
  of the clock, the best of three turns;
- problems a second that ILQR solves, 1 to 4,096 at once, in a dynamics with a neural network;
- placements of objects a second whose grasps `collect` simulates, with one worker, two, and a local Ray
  cluster of two; what starts the workers is not counted.

It draws the curves that docs/performance.md shows.

    python benchmarks/growth.py
"""

import argparse
import logging
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

PICTURE = Path(__file__).parents[1] / "docs/growth.png"
SIZES = tuple(4**k for k in range(7))
"""Copies, and problems: 1 to 4,096."""
ROUNDS = 3
"""Turns of a measurement; the best counts."""
WORKERS = {"one worker": ("loky", 1), "two workers": ("loky", 2), "Ray, two workers": ("ray", 2)}
"""joblib's backend and number of processes of each collection."""


class Measured(NamedTuple):
    """What one size costs."""

    rate: float
    """Frames, problems or placements a second."""
    memory: float
    """MiB, the most that the process had; of copies and problems, beyond what it had after imports."""


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="time for each turn")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="copies, and problems")
    parser.add_argument("--placements", type=int, default=16, help="that each collection simulates")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="a PNG file for the curves")
    options = parser.parse_args()
    growing: dict[str, Callable[[int, float], Measured]] = {
        "planar, frames a second": planar,
        "maze, frames a second": maze,
        "ILQR, problems a second": problems,
    }
    curves = {}
    for name, measure in growing.items():
        curves[name] = {size: apart(measure, size, options.seconds) for size in options.sizes}
        print_curve(name, curves[name])
    print_curve("placements a second", {name: collecting(name, options.placements) for name in WORKERS})
    draw(curves, options.picture)


def apart(measure: Callable[..., Measured], *arguments: object) -> Measured:
    """Measure in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, *arguments).result()


def peak() -> float:
    """Return the most memory that this process had so far, in MiB."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / 1024 / (1024 if sys.platform == "darwin" else 1)  # macOS counts bytes


def planar(copies: int, seconds: float) -> Measured:
    """Step copies of the planar environment."""
    return stepping("unknot/Planar-v0", copies, seconds)


def maze(copies: int, seconds: float) -> Measured:
    """Step copies of the maze."""
    return stepping("unknot/Maze-v0", copies, seconds)


def stepping(name: str, copies: int, seconds: float) -> Measured:
    """Step copies of an environment with random actions, infos and resets included."""
    import gymnasium as gym

    import unknot  # noqa: F401  registers the environments

    before = peak()
    env = gym.make_vec(name, num_envs=copies)
    env.reset(seed=0)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(41)]

    def run() -> int:
        for action in actions:
            env.step(action)
        return len(actions) * copies

    return Measured(best_rate(run, seconds), peak() - before)


def problems(batch: int, seconds: float) -> Measured:
    """Solve problems with ILQR: z + 0.5 u plus what a random network adds, 40 steps, one thread."""
    import torch
    from torch import Tensor, nn

    from unknot.planners import ILQR, QuadraticCost

    class Residual:
        net = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 2)).requires_grad_(False)

        def step(self, z: Tensor, u: Tensor) -> Tensor:
            added: Tensor = self.net(torch.cat([z, u], -1))
            return z + 0.5 * u + 0.1 * added

    torch.set_num_threads(1)
    torch.manual_seed(0)
    dynamics, planner = Residual(), ILQR(40, limits=(-1.0, 1.0))
    start, goal = 4 * torch.rand(2, batch, 2) - 2

    def run(some: slice = slice(None)) -> int:
        cost = QuadraticCost(torch.eye(2), 0.1 * torch.eye(2), goal[some])
        return len(planner.plan(dynamics, cost, start[some]).costs)

    run(slice(1))
    before = peak()
    return Measured(best_rate(run, seconds), peak() - before)


def collecting(workers: str, placements: int) -> Measured:
    """Collect grasps; the memory is that of the largest worker, imports included."""
    import joblib

    from unknot.envs.grasp.dataset import collect

    backend, jobs = WORKERS[workers]
    if backend == "ray":
        import ray
        from ray.util.joblib import register_ray

        ray.init(num_cpus=jobs, log_to_driver=False, logging_level=logging.ERROR)
        register_ray()  # type: ignore[no-untyped-call]
    with joblib.parallel_config(backend, n_jobs=jobs), tempfile.TemporaryDirectory() as folder:
        collect(Path(folder) / "first", placements=jobs, seed=1, progress=False)
        start = time.perf_counter()
        collect(Path(folder) / "second", placements=placements, seed=0, progress=False)
        seconds = time.perf_counter() - start
        memory = max(joblib.Parallel()(joblib.delayed(peak)() for _ in range(jobs)))
    return Measured(placements / seconds, memory)


def best_rate(run: Callable[[], int], seconds: float) -> float:
    """Return the most that `run` counts in a second, of several turns."""
    run()
    return max(rate(run, seconds) for _ in range(ROUNDS))


def rate(run: Callable[[], int], seconds: float) -> float:
    """Return how much `run` counts in a second."""
    done, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds or not done:
        done += run()
    return done / passed


def print_curve(name: str, curve: Mapping[Any, Measured]) -> None:
    """Print the rate and the memory of each size."""
    first = next(iter(curve.values())).rate
    print(f"\n{name:28}{'rate':>12}{'times first':>14}{'MiB':>10}")
    for size, (value, memory) in curve.items():
        print(f"{size:<28}{value:12,.1f}{value / first:14.2f}{memory:10.1f}")


def draw(curves: Mapping[str, Mapping[int, Measured]], path: Path) -> None:
    """Draw rates above and memory below, a column for each curve."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * len(curves), 4.6), layout="constrained")
    panels = figure.subplots(2, len(curves), sharex="col", squeeze=False)
    for (name, curve), (rates, memory) in zip(curves.items(), panels.T, strict=True):
        sizes, measured = list(curve), list(curve.values())
        rates.loglog(sizes, [each.rate for each in measured], "o-")
        linear = [measured[0].rate * size / sizes[0] for size in sizes]
        rates.loglog(sizes, linear, ":", color="0.6", label="as many times as the first")
        rates.set_ylim(top=2 * max(each.rate for each in measured))
        memory.loglog(sizes, [each.memory for each in measured], "o-")
        thing, unit = name.split(", ")
        rates.set(title=thing, ylabel=unit)
        memory.set(xlabel="problems at once" if "problems" in unit else "copies", ylabel="memory, MiB")
    panels[0, 0].legend(fontsize="small")
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
