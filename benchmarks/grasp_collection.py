"""How many grasps does a core collect per second, what does each category yield, and where does the time go?

This process makes one shard after the other, from objects of all categories in turn. Seconds are processor
time, so that other load on the machine matters little. The ticks of physics alone are a lower bound.

    python benchmarks/grasp_collection.py
"""

import argparse
import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import numpy as np

from unknot.envs.grasp import dataset, sampler
from unknot.envs.grasp.dataset import GraspShard, collect_shard
from unknot.envs.grasp.objects import make_objects
from unknot.envs.grasp.physics import Physics
from unknot.envs.grasp.world import GraspWorld, Reason

PARTS: dict[str, tuple[Any, str]] = {
    "ticks of physics": (Physics, "step"),
    "building bodies": (Physics, "build"),
    "collisions of the open gripper": (GraspWorld, "collision"),
    "the rest of attempts": (GraspWorld, "attempt"),
    "antipodal candidates": (sampler, "sample_grasps"),
    "views": (GraspWorld, "camera"),
    "occupancy": (dataset, "_occupancy"),
    "compressing": (GraspShard, "to_bytes"),
}
"""The timed functions; the time of each excludes other timed functions that it calls."""

STRIDE = 37
"""The step from one object's number to the next; it has no common divisor with 101, so all get their turn."""


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--placements", type=int, default=21)
    options = parser.parse_args()
    world = GraspWorld(make_objects())
    clock = Clock()
    seconds: dict[str, float] = defaultdict(float)
    shards: dict[str, list[GraspShard]] = defaultdict(list)
    with clock.running():
        for number in range(options.placements):
            start = time.process_time()
            rng = np.random.default_rng([0, number])
            shard = collect_shard(world, STRIDE * number % len(world.objects), rng)
            shard.to_bytes()
            seconds[shard.category] += time.process_time() - start
            shards[shard.category].append(shard)
    print_yield(shards, seconds)
    print_parts(clock, sum(seconds.values()))


class Clock:
    """Sums the seconds spent in each part, without those in parts that it calls."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner = [0.0]

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Time the parts for a while."""
        with contextlib.ExitStack() as stack:
            for part, (owner, name) in PARTS.items():
                stack.enter_context(patch.object(owner, name, self._timed(part, getattr(owner, name))))
            yield

    def _timed(self, part: str, function: Any) -> Any:
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            self._inner.append(0.0)
            try:
                return function(*args, **kwargs)
            finally:
                passed, inner = time.process_time() - start, self._inner.pop()
                self.seconds[part] += passed - inner
                self._inner[-1] += passed

        return timed


def print_yield(shards: dict[str, list[GraspShard]], seconds: dict[str, float]) -> None:
    """Print the yield and the rate of each category."""
    print(
        f"{'':12}{'placements':>12}{'grasps each':>13}{'tried each':>12}{'grasps/s':>10}{'simulated/s':>13}"
    )
    groups = {**shards, "all": [shard for group in shards.values() for shard in group]}
    for category, group in groups.items():
        passed = seconds[category] if category in seconds else sum(seconds.values())
        kept = sum(int(shard.perturbed.sum()) for shard in group)
        tried = np.sum([shard.drawn for shard in group], axis=0)
        simulated = sum(tried[reason] for reason in Reason if not reason.collided)
        print(
            f"{category:12}{len(group):12}{kept / len(group):13.0f}{tried.sum() / len(group):12.0f}"
            f"{kept / passed:10.0f}{simulated / passed:13.0f}"
        )


def print_parts(clock: Clock, total: float) -> None:
    """Print the seconds of each part, and the gain if there were only ticks of physics."""
    parts = {**clock.seconds, "all else": total - sum(clock.seconds.values())}
    for part, passed in sorted(parts.items(), key=lambda item: -item[1]):
        print(f"{part:34}{passed:8.1f} s{passed / total:8.0%}")
    print(f"a collection of bare ticks would be {total / parts['ticks of physics']:.1f} times as fast")


if __name__ == "__main__":
    main()
