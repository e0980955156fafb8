"""The maze: moves, switches, layouts, tasks, scenes, refusals."""

from collections import deque
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import unknot  # noqa: F401  registers the environments
from unknot.envs import (
    ACTIONS,
    BLOCK,
    FREE,
    SWITCH,
    WATER,
    is_free,
    move,
    read_layout,
    shortest_paths,
    write_layout,
)

ALL = tuple(ACTIONS)
SMALL = ("....", ".#o.", "~...", "..#.")
"""Blocks at (1, 1) and (3, 2), a switch at (1, 2), water at (2, 0)."""
PARTED = ("..#.", ".##.", "##..", "....")
"""Two parts: three cells in the corner above, the rest below."""


def make(**settings: Any) -> Any:
    return gym.make("unknot/Maze-v0", **settings).unwrapped


def vector(n: int, **settings: Any) -> Any:
    return gym.make_vec("unknot/Maze-v0", num_envs=n, **settings).unwrapped


def small(agent: tuple[int, int], **settings: Any) -> Any:
    env = make(layout=SMALL, actions=ALL, **settings)
    env.reset(seed=0, options={"factors": {"agent": agent}})
    return env


def act(env: Any, name: str) -> Any:
    return env.step(env.actions.index(name))


# Moving and toggling


@pytest.mark.parametrize(
    ("start", "action", "end"),
    [
        ((0, 0), "down", (1, 0)),
        ((0, 0), "right", (0, 1)),
        ((3, 3), "up", (2, 3)),
        ((3, 3), "up_again", (2, 3)),
        ((0, 3), "left", (0, 2)),
        ((0, 0), "up", (0, 0)),  # the board's edges
        ((0, 0), "left", (0, 0)),
        ((3, 3), "down", (3, 3)),
        ((3, 3), "right", (3, 3)),
        ((0, 1), "down", (0, 1)),  # a block
        ((1, 2), "left", (1, 2)),
        ((0, 3), "down_left", (1, 2)),
        ((0, 1), "down_left", (1, 0)),  # past the block's corner
        ((2, 2), "down_left", (3, 1)),  # past the other's
        ((0, 2), "down_left", (0, 2)),  # its end is blocked
        ((2, 0), "down_left", (2, 0)),  # its end is off the board
        ((1, 0), "down", (2, 0)),  # into water
        ((0, 0), "pass", (0, 0)),
        ((0, 0), "toggle", (0, 0)),
    ],
)
def test_moves_lead_to_the_right_cells(start: Any, action: str, end: Any) -> None:
    env = small(start)
    before = env.scene()
    info = act(env, action)[4]
    assert info["factors"]["agent"].tolist() == list(end)
    expected = before | {"steps": 1, "factors": before["factors"] | {"agent": list(end)}}
    assert env.scene() == expected


def test_toggling_is_cyclic_and_only_under_the_agent() -> None:
    env = small((1, 2), switch_states=3)
    env.set_factors({"switches": [1]})
    states = [act(env, "toggle")[4]["factors"]["switches"].tolist() for _ in range(4)]
    assert states == [[2], [0], [1], [2]]
    act(env, "up")
    assert act(env, "toggle")[4]["factors"]["switches"].tolist() == [2]


def test_each_switch_is_toggled_by_itself_in_reading_order() -> None:
    env = make(layout=["...o", "....", "o...", "...o"])
    env.reset(seed=0, options={"factors": {"agent": [2, 0], "switches": [1, 0, 1]}})
    assert act(env, "toggle")[4]["factors"]["switches"].tolist() == [1, 1, 1]


def test_the_paper_s_second_up_is_the_first() -> None:
    results = []
    for name in ("up", "up_again"):
        env = make(layout="paper", actions=ALL)
        env.reset(seed=4)
        observation, *_, info = act(env, name)
        results.append((observation.tobytes(), str(info)))
    assert results[0] == results[1]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(4, 9), st.integers(0, 2))
def test_the_mask_is_1_for_actions_that_would_change_the_scene(seed: int, size: int, switches: int) -> None:
    env = vector(8, size=size, switches=switches, water=0.1, actions=ALL)
    _, infos = env.reset(seed=seed)
    switch_cells = env.layouts[np.arange(8), *infos["factors"]["agent"].T] == SWITCH
    assert not switch_cells.any()
    if switches:  # put some agents on switches
        cells = np.argwhere(env.layouts == SWITCH).reshape(8, switches, 3)[::2, 0, 1:]
        agents = infos["factors"]["agent"].copy()
        agents[::2] = cells
        env.set_factors({"agent": agents})
        infos = env.step(np.full(8, ALL.index("pass")))[4]
    scenes = env.scene()
    for action in range(len(ALL)):
        env.reset(options={"scene": scenes})
        env.step(np.full(8, action))
        changed = [new["factors"] != old["factors"] for new, old in zip(env.scene(), scenes, strict=True)]
        assert infos["action_mask"][:, action].tolist() == changed
    assert infos["action_mask"].dtype == np.int8


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 7), st.integers(1, 7))
def test_paths_and_moves_are_what_a_loop_finds(seed: int, rows: int, columns: int) -> None:
    rng = np.random.default_rng(seed)
    free = rng.random((3, rows, columns)) < 0.7
    goals = np.stack([rng.integers(0, rows, 3), rng.integers(0, columns, 3)], axis=1)
    distances = shortest_paths(free, goals)
    for board, goal, found in zip(free, goals, distances, strict=True):
        assert found.tolist() == searched(board, tuple(goal))
    cells = rng.integers(-1, 8, (3, 5, 2))
    offsets = rng.integers(-2, 3, (3, 5, 2))
    there = is_free(free, cells)
    moved = move(free, cells, offsets)
    for i, j in np.ndindex(3, 5):
        assert there[i, j] == on(free[i], cells[i, j])
        end = cells[i, j] + offsets[i, j]
        assert moved[i, j].tolist() == (end if on(free[i], end) else cells[i, j]).tolist()


def on(board: Any, cell: Any) -> bool:
    row, column = cell
    return 0 <= row < board.shape[0] and 0 <= column < board.shape[1] and bool(board[row, column])


def searched(board: Any, goal: Any) -> list[list[int]]:
    distances = np.full(board.shape, -1)
    queue = deque([goal] if board[goal] else [])
    if board[goal]:
        distances[goal] = 0
    while queue:
        row, column = queue.popleft()
        for cell in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
            if on(board, cell) and distances[cell] < 0:
                distances[cell] = distances[row, column] + 1
                queue.append(cell)
    return list(distances.tolist())


# Layouts


@pytest.mark.parametrize(
    ("size", "blocks", "water", "switches"),
    [(5, 0.0, 0.0, 3), (8, 0.2, 0.0, 0), (9, 0.3, 0.1, 2), (16, 0.2, 0.0, 1)],
)
def test_random_layouts_connect_all_free_cells(size: int, blocks: float, water: float, switches: int) -> None:
    env = vector(200, size=size, blocks=blocks, water=water, switches=switches)
    _, infos = env.reset(seed=0)
    layouts, agents, goals = env.layouts, infos["factors"]["agent"], infos["goal"]["agent"]
    every = np.arange(200)
    assert len(np.unique(layouts.reshape(200, -1), axis=0)) > 190
    distances = shortest_paths(layouts != BLOCK, goals)
    assert ((distances >= 0) == (layouts != BLOCK)).all()
    assert ((layouts == SWITCH).sum(axis=(1, 2)) == switches).all()
    assert ((layouts == WATER).sum(axis=(1, 2)) == round(water * size**2)).all()
    count = (layouts == BLOCK).sum(axis=(1, 2))
    assert count.min() == round(blocks * size**2)
    assert count.mean() < 1.25 * blocks * size**2 + 1e-9
    for cells in (agents, goals):
        assert (layouts[every, *cells.T] == FREE).all()
        assert len(np.unique(cells, axis=0)) > 0.5 * min(200, size**2)
    assert (distances[every, *agents.T] > 0).all()


def test_each_reset_samples_a_layout_with_one_call_of_the_generator() -> None:
    env = make()
    env.reset(seed=0)
    first = env.layouts
    assert first.shape == (1, 8, 8)
    rng = np.random.Generator(np.random.PCG64())
    rng.bit_generator.state = env.scene()["random_state"]
    env.reset()
    assert not np.array_equal(env.layouts, first)
    rng.random(64)
    assert env.scene()["random_state"] == rng.bit_generator.state


def test_one_seed_gives_one_layout_whatever_the_task() -> None:
    scenes = []
    for task in ("none", "reach", "switch"):
        env = make(switches=2, task=task)
        env.reset(seed=3)
        scenes.append((env.scene()["layout"], env.scene()["factors"]))
    assert scenes[0] == scenes[1] == scenes[2]


def test_given_start_and_goal_are_free_and_connected() -> None:
    env = make(blocks=0.4)
    for seed in range(30):
        options = {"factors": {"agent": [0, 0]}, "goal": {"agent": [7, 7]}}
        _, info = env.reset(seed=seed, options=options)
        assert info["factors"]["agent"].tolist() == [0, 0]
        assert info["goal"]["agent"].tolist() == [7, 7]
        assert shortest_paths(env.layouts != BLOCK, np.array([[7, 7]]))[0, 0, 0] >= 14


@pytest.mark.parametrize("given", ["factors", "goal"])
@pytest.mark.parametrize("cell", [[0, 0], [3, 3]])
def test_a_sampled_start_or_goal_is_connected_to_the_given_one(given: str, cell: list[int]) -> None:
    env = make(layout=PARTED)
    for seed in range(10):
        _, info = env.reset(seed=seed, options={given: {"agent": cell}})
        ends = [info[key]["agent"] for key in ("factors", "goal")]
        assert info[given]["agent"].tolist() == cell
        assert ends[0].tolist() != ends[1].tolist()
        assert shortest_paths(env.layouts != BLOCK, ends[0][None])[0, *ends[1]] > 0


def test_in_a_given_layout_start_and_goal_are_anywhere_free() -> None:
    env = vector(600, layout=SMALL, switch_states=4)
    _, infos = env.reset(seed=0)
    for cells in (infos["factors"]["agent"], infos["goal"]["agent"]):
        found, counts = np.unique(cells, axis=0, return_counts=True)
        assert {tuple(cell) for cell in found} == {
            tuple(cell) for cell in np.argwhere(env.layouts[0] == FREE)
        }
        assert counts.min() > 25
    states, counts = np.unique(infos["factors"]["switches"], return_counts=True)
    assert states.tolist() == [0, 1, 2, 3]
    assert counts.min() > 110


def test_too_little_room_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="no free places"):
        make(layout=["####", "#.##", "####", "####"]).reset(seed=0)
    for end in ("factors", "goal"):  # a path connects other cells
        with pytest.raises(RuntimeError, match="no free places"):
            make(layout=["####", "#.##", "##..", "##.."]).reset(seed=0, options={end: {"agent": [1, 1]}})
    with pytest.raises(ValueError, match="leave no room"):
        make(size=4, blocks=0.5, water=0.5)


def test_layouts_are_read_and_written() -> None:
    layout = read_layout(SMALL)
    assert [layout[1, 1], layout[1, 2], layout[2, 0], layout[0, 0]] == [BLOCK, SWITCH, WATER, FREE]
    assert write_layout(layout) == list(SMALL)


# Tasks


def test_the_task_reach_succeeds_at_the_goal() -> None:
    env = make(layout="open", size=5, max_steps=4)
    _, info = env.reset(seed=0, options={"factors": {"agent": [2, 2]}, "goal": {"agent": [2, 3]}})
    assert info["is_success"] is False
    outcomes = [act(env, name) for name in ("right", "pass", "down", "up")]
    assert [o[1] for o in outcomes] == [1.0, 1.0, 0.0, 1.0]
    assert [o[4]["is_success"] for o in outcomes] == [True, True, False, True]
    assert not any(o[2] for o in outcomes)
    assert [o[3] for o in outcomes] == [False] * 3 + [True]


def test_success_ends_an_episode_with_terminate_on_success() -> None:
    env = make(layout="open", terminate_on_success=True)
    _, info = env.reset(seed=0, options={"factors": {"agent": [2, 2]}, "goal": {"agent": [2, 2]}})
    assert info["is_success"] is True
    assert act(env, "down")[2] is False
    assert act(env, "up")[2:4] == (True, False)


def test_the_switch_must_be_set_too() -> None:
    env = small((1, 2), task="switch", switch_states=3)
    _, info = env.reset(seed=1, options={"factors": {"agent": [1, 2]}, "goal": {"agent": [1, 3]}})
    start, wanted = info["factors"]["switches"], info["goal"]["switches"]
    assert wanted.tolist() == (start + 1).tolist() or (start.tolist(), wanted.tolist()) == ([2], [0])
    names = ("right", "left", "toggle", "right", "left", "toggle", "right")
    outcomes = [act(env, name) for name in names]
    assert [o[1] for o in outcomes] == [0, 0, 0, 1, 0, 0, 0]
    _, info = env.reset(seed=1, options={"goal": {"switches": [0]}})
    assert info["factors"]["switches"].tolist() == [2]


def test_dense_counts_the_remaining_steps_and_switches() -> None:
    env = small((0, 1), task="switch", reward="dense")
    options = {"factors": {"agent": [0, 1], "switches": [0]}, "goal": {"agent": [2, 1], "switches": [1]}}
    env.reset(seed=0, options=options)
    names = ("pass", "right", "down", "toggle", "down", "left", "left")
    rewards = [act(env, name)[1] for name in names]
    # Four steps around the block and a switch to set; the last step is into water, one off the goal.
    assert rewards == [-5, -4, -3, -2, -1, 0, -1.2]


def test_dense_without_a_path_is_worse_than_with_any_path() -> None:
    env = make(layout=PARTED, reward="dense")
    env.reset(seed=0, options={"factors": {"agent": [0, 0]}, "goal": {"agent": [3, 3]}})
    assert act(env, "pass")[1] == -16


def test_each_step_into_water_costs_a_fifth() -> None:
    env = small((1, 0))
    env.reset(seed=0, options={"factors": {"agent": [1, 0]}, "goal": {"agent": [2, 0]}})
    assert [act(env, name)[1] for name in ("pass", "down", "pass", "up")] == [0, 0.8, 0.8, 0]
    env.reset(seed=0, options={"factors": {"agent": [1, 0]}, "goal": {"agent": [0, 0]}})
    assert act(env, "down")[1] == -0.2


def test_the_task_none_has_no_goal() -> None:
    env = make(task="none", goal="image")
    observation, info = env.reset(seed=0)
    assert observation.shape == (64, 64, 3)
    assert info["goal"] == {}
    assert env.scene()["goal"] == {}
    assert np.array_equal(observation, env.render_factors({})[0])
    with pytest.raises(ValueError, match="unknown goal name 'agent'"):
        env.reset(options={"goal": {"agent": [0, 0]}})
    outcomes = [act(env, name) for name in ("down", "left", "up") * 5]
    assert not any(o[1] or o[2] or o[4]["is_success"] for o in outcomes)


# Scenes


def test_scenes_hold_their_layouts() -> None:
    env, other = make(switches=1), make(switches=1)
    env.reset(seed=0)
    other.reset(seed=1)
    scene = env.scene()
    observation, _ = other.reset(options={"scene": scene})
    assert np.array_equal(observation, env.set_factors({}))
    block = np.argwhere(env.layouts[0] == BLOCK)[0].tolist()
    with pytest.raises(ValueError, match=r"scene's agent=.* is impossible: a block is there"):
        other.reset(options={"scene": scene | {"factors": scene["factors"] | {"agent": block}}})
    with pytest.raises(ValueError, match=r"agent=.* is impossible: a block is there"):
        env.set_factors({"agent": block})
    assert env.scene() == scene == other.scene()


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"size": 9, "switches": 1}, "8 cells along an axis and 1 switches, this environment 9 and 1"),
        ({"layout": ["o..."] + ["...."] * 3}, "another layout"),
    ],
)
def test_scenes_of_other_boards_are_refused(settings_: dict[str, Any], message: str) -> None:
    env, other = make(switches=1), make(**settings_)
    env.reset(seed=0)
    other.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        other.reset(options={"scene": env.scene()})


def test_agents_are_checked_in_their_own_layouts() -> None:
    env = vector(3)
    env.reset(seed=0)
    cells = np.stack([np.argwhere(layout != BLOCK)[0] for layout in env.layouts])
    env.set_factors({"agent": cells})
    before = env.scene()
    cells[1] = np.argwhere(env.layouts[1] == BLOCK)[0]
    with pytest.raises(ValueError, match=rf"agent=\[{cells[1, 0]}, {cells[1, 1]}\] is impossible"):
        env.set_factors({"agent": cells})
    assert env.scene() == before


# Mistakes


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"size": 3}, "size must be from 4 to 16, not 3"),
        ({"size": 17}, "size must be .* not 17"),
        ({"size": 8.0}, "size must be a whole number .* not 8.0"),
        ({"size": 3, "layout": ["...."] * 4}, "size must be from 4 to 16, not 3"),
        ({"blocks": 0.7, "layout": "open"}, r"blocks must be from 0 to 0\.5, not 0\.7"),
        ({"water": [0.1]}, r"water must be from 0 to 0\.5, not \[0\.1\]"),
        ({"switches": True}, "switches must be a whole number of at least 0, not True"),
        ({"switch_states": 2.5}, "switch_states must be a whole number .* not 2.5"),
        ({"actions": 3}, "actions must be .* not 3"),
        ({"goal": None}, "unknown goal None"),
        ({"layout": "paprr"}, "did you mean 'paper'"),
        ({"layout": ["...", "..."]}, "n strings of length n, n from 4 to 16,"),
        ({"layout": ["....", "....", "....", ".x.."]}, r"layout must have cells out of .*, not \['x'\]"),
        ({"layout": 3}, "layout must be a name or a list .*, not 3"),
        ({"blocks": 0.7}, r"blocks must be from 0 to 0\.5, not 0\.7"),
        ({"blocks": float("nan")}, "blocks must be .* not nan"),
        ({"water": -0.1}, r"water must be from 0 to 0\.5, not -0\.1"),
        ({"switches": -1}, "switches must be at least 0, not -1"),
        ({"switches": 1, "layout": "open"}, "switches=1 is for the layout 'random'"),
        ({"switch_states": 1}, "switch_states must be from 2 to 7, not 1"),
        ({"switch_states": 8}, "switch_states must be from 2 to 7, not 8"),
        ({"actions": ("down", "dwn")}, "unknown action 'dwn'; did you mean 'down'"),
        ({"actions": ()}, r"actions must be .* not \(\)"),
        ({"actions": "down"}, "actions must be .* not 'down'"),
        ({"actions": ("up", "up")}, "twice"),
        ({"task": "raech"}, "did you mean 'reach'"),
        ({"task": ["reach"]}, "unknown task"),
        ({"task": "switch"}, "needs a switch"),
        (
            {"task": "switch", "switches": 1, "actions": ("up",)},
            "needs a switch in the layout and the action",
        ),
        ({"goal": "imgae"}, "did you mean 'image'"),
        ({"reward": "dence"}, "did you mean 'dense'"),
        ({"max_steps": 0}, "max_steps must be at least 1, not 0"),
    ],
)
def test_bad_settings_are_named(settings_: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**settings_)


def test_keys_steer() -> None:
    pygame = pytest.importorskip("pygame")
    env = make(actions=ALL)
    keys = env.get_keys_to_action()
    for key, name in (
        (pygame.K_UP, "up"),
        (pygame.K_s, "down"),
        (pygame.K_LEFT, "left"),
        (pygame.K_RIGHT, "right"),
        (pygame.K_DOWN, "down"),
        (pygame.K_SPACE, "pass"),
        (pygame.K_e, "toggle"),
    ):
        assert ALL[keys[(key,)]] == name
    assert set(make(actions=("up",)).get_keys_to_action().values()) == {0}
