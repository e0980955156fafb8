"""Step environments for long, with random actions, resets and restores, and check every step."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

import unknot  # noqa: F401  registers the environments
from torture.report import Report
from unknot.envs import ACTIONS, BLOCK, STEPS
from unknot.report import Table

COPIES = 500
"""Copies that step together."""
FEW, LEAST = 50, 30
"""Copies, and steps of each, in the quick attack; episodes end and begin again."""
RESTORE, SAMPLE = 50, 10
"""Every so many steps a twin is restored from the scenes, and a copy is compared with a single one."""
SHOWN = 3
"""Failures of an environment that are told."""
ROUNDING = 1e-9

Array = NDArray[Any]
Bools = NDArray[np.bool_]


class Step(NamedTuple):
    """A step of all copies."""

    before: Mapping[str, Array]
    """Factors at its beginning."""
    layouts: Array | None
    """Of mazes, at its beginning."""
    actions: Array
    after: Mapping[str, Array]
    """Factors at its end, before new episodes begin."""


Rule = Callable[[Any, Step], Bools]
"""Says of which copies a step is right, by the environment's rules written down a second time."""


def planar_rule(env: Any, step: Step) -> Bools:
    """A move ends where its action points, within the plane, or nothing moves; nothing is run into."""
    world, old, new = env.world, step.before["position"], step.after["position"]
    offsets = np.clip(step.actions.astype(np.float64), -3, 3)
    moved = (new == np.clip(old + offsets, world.half_agent, world.map.size - world.half_agent)).all(axis=1)
    right: Bools = moved | (new == old).all(axis=1) if world.noise == 0 else np.isfinite(new).all(axis=1)
    right &= (np.abs(new - world.map.size / 2) <= world.map.size / 2 - world.half_agent).all(axis=1)
    shares = np.linspace(0, 1, 9) if world.collision == "solid" else [1.0]
    for share in shares:
        at = (1 - share) * old + share * new
        for row, column, radius in world.map.obstacles:
            reach = np.abs(at - [row, column]) - world.half_agent  # from the body to the disc's centre
            gap = np.hypot(*np.maximum(reach, 0).T)
            far = gap >= radius - ROUNDING if world.collision == "solid" else reach.max(axis=1) > 0
            right &= far
        for top, left, bottom, right_edge in world.map.walls:
            middle, half = np.array([top + bottom, left + right_edge]) / 2, [bottom - top, right_edge - left]
            apart = np.abs(at - middle) - np.array(half) / 2 - world.half_agent
            right &= apart.max(axis=1) >= -ROUNDING
    return right


def maze_rule(env: Any, step: Step) -> Bools:
    """An agent moves by its action unless a block or the edge is there; only toggling changes a switch."""
    assert step.layouts is not None
    old, copies = step.before["agent"], np.arange(len(step.actions))
    ends = old + np.array([ACTIONS[name] for name in env.actions])[step.actions]
    size = step.layouts.shape[1]
    on_board = ((ends >= 0) & (ends < size)).all(axis=1)
    row, column = np.clip(ends, 0, size - 1).T
    free = on_board & (step.layouts[copies, row, column] != BLOCK)
    right: Bools = (step.after["agent"] == np.where(free[:, None], ends, old)).all(axis=1)
    if "switches" in step.after:
        changed = (step.after["switches"] != step.before["switches"]).sum(axis=1)
        right &= (changed == 0) | ((changed == 1) & (step.actions == env.actions.index("toggle")))
    return right


def grid_rule(env: Any, step: Step) -> Bools:
    """One digit moves by a cell, unless it is at the edge; classes stay."""
    right = np.ones(len(step.actions), dtype=np.bool_)
    offsets = np.array([ACTIONS[name] for name in STEPS])[step.actions % 4]
    for number, name in enumerate(("first", "second")):
        moved = offsets * (step.actions // 4 == number)[:, None]
        ends = np.clip(step.before[name] + moved, 0, env.factor_space[name].high)
        right &= (step.after[name] == ends).all(axis=1)
        right &= step.after[f"{name}_class"] == step.before[f"{name}_class"]
    return right


class Soak(NamedTuple):
    """An environment, how long it steps, and its rule."""

    name: str
    settings: dict[str, Any]
    steps: int
    rule: Rule


BOARD = ["..~...", ".#.o..", "..#..~", "o..#..", ".~....", "...#.."]
SOAKS = (
    Soak(
        "unknot/Planar-v0", {"collision": "solid", "map": "random", "task": "anywhere"}, 600_000, planar_rule
    ),
    Soak("unknot/Planar-v0", {"collision": "solid", "map": "gates", "noise": 1.0}, 600_000, planar_rule),
    Soak("unknot/Planar-v0", {"reward": "dense", "terminate_on_success": True}, 800_000, planar_rule),
    Soak("unknot/Maze-v0", {"goal": "image", "terminate_on_success": True}, 100_000, maze_rule),
    Soak("unknot/Maze-v0", {"task": "switch", "switches": 3, "goal": "image", "size": 5}, 100_000, maze_rule),
    Soak("unknot/Maze-v0", {"layout": BOARD, "reward": "dense", "goal": "image"}, 100_000, maze_rule),
    Soak("unknot/MnistGrid-v0", {"reward": "dense", "digits": "digits"}, 100_000, grid_rule),
)


def attack(quick: bool) -> Report:
    """Step the environments; quick: few copies, 30 steps each."""
    rows, failures = [], []
    for soak in SOAKS:
        begin = time.monotonic()
        copies, ticks = (FEW, LEAST) if quick else (COPIES, soak.steps // COPIES)
        tally = _Tally()
        _Tank(soak, tally, copies).run(ticks)
        title = f"{soak.name} {', '.join(f'{key}={value}' for key, value in soak.settings.items())}"
        title = title.replace(str(BOARD), "fixed")
        minutes = (time.monotonic() - begin) / 60
        counts = (f"{ticks * copies:,}", f"{minutes:.1f}", f"{tally.checks:,}", str(tally.wrong))
        rows.append((title, *counts))
        failures += [f"{title}: {sentence}" for sentence in tally.sentences]
    columns = ("environment", "steps", "minutes", "checks", "wrong")
    return Report(Table("Soak", columns, tuple(rows)), tuple(failures))


@dataclass
class _Tally:
    checks: int = 0
    wrong: int = 0
    sentences: list[str] = field(default_factory=list)

    def expect(self, right: Any, sentence: str) -> None:
        """Count checks, and those that failed."""
        wrong = int(np.size(right) - np.sum(right))
        self.checks += np.size(right)
        self.wrong += wrong
        if wrong and len(self.sentences) < SHOWN:
            self.sentences.append(f"{sentence} ({wrong} of {np.size(right)} copies)")


class _Tank:
    """Steps an environment, and a twin that is restored from its scenes now and then."""

    def __init__(self, soak: Soak, tally: _Tally, copies: int) -> None:
        settings = {"max_steps": 23, **soak.settings}
        made = [
            gym.make_vec(soak.name, copies, autoreset_mode=AutoresetMode.SAME_STEP, **settings) for _ in "12"
        ]
        self.env, self.twin = (cast("Any", one.unwrapped) for one in made)
        self.single: Any = gym.make(soak.name, **settings).unwrapped
        self.rule, self.tally = soak.rule, tally

    def run(self, ticks: int) -> None:
        """Step all copies so many times."""
        env = self.env
        observations, infos = env.reset(seed=0)
        env.action_space.seed(0)
        rng = np.random.default_rng(0)
        for tick in range(ticks):
            if tick % RESTORE == 0:
                scenes = json.loads(json.dumps(env.scene()))
                restored, _ = self.twin.reset(options={"scene": scenes})
                self.tally.expect(_same(restored, observations), f"tick {tick}: a twin looks the same")
            before, layouts = infos["factors"], getattr(env, "layouts", None)
            actions = env.action_space.sample()
            results = env.step(actions)
            observations, infos = results[0], results[4]
            self.tally.expect(
                _same(results, self.twin.step(actions)), f"tick {tick}: a twin goes the same way"
            )
            ended = results[2] | results[3]
            ends = {key: _ends(infos, ended, key) for key in ("factors", "goal")}
            goals = {name: ends["goal"][name] for name in env.goal_space}
            achieved = {name: ends["factors"][name] for name in env.goal_space}
            step = Step(before, layouts, actions, ends["factors"])
            self.tally.expect(self.rule(env, step), f"tick {tick}: a step follows the rules")
            self.tally.expect(
                env.goal_rewards(achieved, goals) == results[1], f"tick {tick}: rewards follow from goals"
            )
            if tick % SAMPLE == 0:
                self._compare(int(rng.integers(env.num_envs)), observations, infos, tick)

    def _compare(self, row: int, observations: Any, infos: Any, tick: int) -> None:
        """Compare a copy with a single environment in its scene, and its image with that of its factors."""
        scene = self.env.scene()[row]
        alone, _ = self.single.reset(options={"scene": scene})
        shown = {key: images[row] for key, images in observations.items()}
        self.tally.expect(_same(alone, shown), f"tick {tick}: a copy looks like a single environment")
        factors = {name: infos["factors"][name][[row]] for name in self.env.factor_space}
        rendered = self.single.render_factors(factors)[0]
        self.tally.expect(
            np.array_equal(rendered, shown["observation"]), f"tick {tick}: factors give the image"
        )


def _ends(infos: Mapping[str, Any], ended: Bools, key: str) -> dict[str, Array]:
    """Return factors or goals at the end of a step, those of ended episodes included."""
    now = {name: values for name, values in infos[key].items() if not name.startswith("_")}
    if not ended.any():
        return now
    last = infos["final_info"][key]
    return {
        name: np.where(ended.reshape(-1, *[1] * (values.ndim - 1)), last[name], values)
        for name, values in now.items()
    }


def _same(one: Any, other: Any) -> bool:
    """Compare trees of arrays to the bit."""
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, np.ndarray) and one.dtype == object:
        return all(map(_same, one, other))
    return one is other or bool(np.array_equal(one, other))
