"""The grid of two digits: moves, images, tasks, scenes, refusals."""

import hashlib
import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import unknot  # noqa: F401  registers the environments
from unknot import mnist
from unknot.cli import main
from unknot.envs.mnist_grid import DIRECTIONS, MnistGridEnv, find_pool, shrink

STEPS = [(k, move) for k in ("first", "second") for move in DIRECTIONS.values()]
"""What the eight actions do."""


def make(**settings: Any) -> Any:
    return gym.make("unknot/MnistGrid-v0", **{"digits": "digits"} | settings).unwrapped


def make_vec(n: int, **settings: Any) -> Any:
    return gym.make_vec("unknot/MnistGrid-v0", num_envs=n, **{"digits": "digits"} | settings).unwrapped


def at(first: Any, second: Any) -> dict[str, Any]:
    return {"first": first, "second": second}


def every_placement(size: int) -> dict[str, Any]:
    cells = np.indices((size,) * 4).reshape(4, -1).T
    return at(cells[:, :2], cells[:, 2:])


def labels(info: dict[str, Any]) -> list[Any]:
    """The digits that classes stand for, as the documentation says."""
    factors = info["factors"]
    return [np.array([1, 3, 5, 7, 9])[factors["first_class"]], 2 * factors["second_class"]]


# Moving


def test_actions_move_one_digit_by_a_cell() -> None:
    env = make()
    table = {0: (3, 2), 1: (2, 1), 2: (2, 3), 3: (1, 2)}
    for action, cell in table.items():
        env.reset(seed=0, options={"factors": at([2, 2], [1, 4])})
        factors = env.step(action)[4]["factors"]
        assert (factors["first"].tolist(), factors["second"].tolist()) == (list(cell), [1, 4])
        env.set_factors(at([1, 4], [2, 2]))
        factors = env.step(4 + action)[4]["factors"]
        assert (factors["first"].tolist(), factors["second"].tolist()) == ([1, 4], list(cell))


def test_the_mask_is_1_for_actions_that_would_change_the_scene() -> None:
    """All placements of a 3 × 3 grid, by a separate model."""
    start = every_placement(3)
    vec = make_vec(81, size=3)
    for action, (name, move) in enumerate(STEPS):
        before, info = vec.reset(seed=0, options={"factors": start})
        after, *_, info_after = vec.step(np.full(81, action))
        wanted = start | {name: np.clip(start[name] + move, 0, 2)}
        for digit in ("first", "second"):
            assert np.array_equal(info_after["factors"][digit], wanted[digit])
        moved = (wanted[name] != start[name]).any(axis=1)
        assert info["action_mask"].dtype == np.int8
        assert np.array_equal(info["action_mask"][:, action], moved)
        seen = (before["observation"] != after["observation"]).any(axis=(1, 2, 3))
        assert np.array_equal(seen, moved)


# Digits


@pytest.mark.parametrize("split", mnist.SPLITS)
def test_digits_are_sampled_from_their_split_at_each_reset(split: str) -> None:
    images, truth = mnist.load(split, source="digits")
    vec = make_vec(500, split=split)
    observation, info = vec.reset(seed=0)
    scenes = vec.scene()
    chosen = np.array([scene["images"] for scene in scenes])
    for k, (parity, found) in enumerate(zip((1, 0), labels(info), strict=True)):
        assert np.array_equal(truth[chosen[:, k]], found)
        assert (found % 2 == parity).all()
        assert np.bincount(found // 2).min() > 70  # of 100 on average: classes are uniform
        assert len(set(chosen[:, k])) > 80
    assert not np.array_equal([s["images"] for s in (vec.reset(), vec.scene())[1]], chosen)

    small = shrink(images[:, 2:26, 2:26], 12)
    for row in range(20):
        (top, left), (top_2, left_2) = (2 + 12 * np.array(scenes[row]["factors"][name]) for name in at(0, 0))
        expected = np.zeros((64, 64), dtype=np.uint8)
        for digit, y, x in zip(chosen[row], (top, top_2), (left, left_2), strict=True):
            cell = expected[y : y + 12, x : x + 12]
            cell[:] = np.maximum(cell, small[digit])
        assert np.array_equal(observation["observation"][row, :, :, 0], expected)


def test_a_shared_cell_shows_both() -> None:
    env = make()
    env.reset(seed=0)
    apart = env.set_factors(at([0, 0], [1, 1]))["observation"]
    together = env.set_factors(at([0, 0], [0, 0]))["observation"]
    assert np.array_equal(together[2:14, 2:14], np.maximum(apart[2:14, 2:14], apart[14:26, 14:26]))
    assert not together[14:].any()


def test_shrinking_averages_areas() -> None:
    images = np.zeros((1, 3, 3), dtype=np.uint8)
    images[0] = [[90, 0, 0], [0, 90, 0], [0, 0, 0]]
    # A pixel of the result is 1.5 wide: (1 * 1 + .5 * .5) * 90 / 2.25 in the corner, .5 * .5 ... beside it.
    assert shrink(images, 2).tolist() == [[[50, 10], [10, 10]]]
    assert np.array_equal(shrink(np.full((2, 24, 24), 255, np.uint8), 7), np.full((2, 7, 7), 255))
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5000, 24, 24), dtype=np.uint8)
    means = images.reshape(-1, 12, 2, 12, 2).mean(axis=(2, 4))
    assert np.array_equal(shrink(images, 12), np.rint(means))


def test_a_new_class_is_shown_by_its_first_image() -> None:
    truth = mnist.load("train", source="digits")[1]
    env = make()
    env.reset(seed=0, options={"factors": {"first_class": 4, "second_class": 1}})
    before = env.scene()
    assert [int(truth[i]) for i in before["images"]] == [9, 2]
    observation = env.set_factors({"first_class": 2})
    assert env.scene()["images"] == [int(np.flatnonzero(truth == 5)[0]), before["images"][1]]
    goal = env.scene()["goal"]
    assert np.array_equal(observation["desired_goal"], env.set_factors(goal)["observation"])

    env.reset(options={"scene": before})
    env.set_factors({"first_class": 4, "second_class": 1})
    assert env.scene() == before
    shown = env.render_factors({"second_class": np.arange(5)})
    assert len({image.tobytes() for image in shown}) == 5
    assert np.array_equal(shown[1], env.render_factors({})[0])


def test_a_given_class_comes_in_many_images() -> None:
    vec = make_vec(50)
    _, info = vec.reset(seed=0, options={"factors": {"second_class": np.full(50, 3)}})
    assert (labels(info)[1] == 6).all()
    assert len({scene["images"][1] for scene in vec.scene()}) > 30
    assert len(set(labels(info)[0])) == 5


# Tasks


def test_an_episode_succeeds_when_both_digits_are_at_their_goals() -> None:
    options = {"factors": at([0, 0], [4, 4]), "goal": at([1, 0], [4, 3])}
    env = make()
    assert env.reset(seed=0, options=options)[1]["is_success"] is False
    outcomes = [env.step(action) for action in (0, 5, 6, 5)]
    assert [o[1] for o in outcomes] == [0.0, 1.0, 0.0, 1.0]
    assert [o[4]["is_success"] for o in outcomes] == [False, True, False, True]
    assert not any(o[2] or o[3] for o in outcomes)

    env = make(terminate_on_success=True, reward="dense")
    env.reset(seed=0, options=options)
    outcomes = [env.step(action) for action in (3, 0, 7, 4, 5)]
    assert [o[1] for o in outcomes] == [-2.0, -1.0, -2.0, -1.0, 0.0]
    assert [o[2] for o in outcomes] == [False] * 4 + [True]


def test_time_ends_an_episode() -> None:
    env = make(max_steps=3)
    env.reset(seed=0)
    assert [env.step(0)[3] for _ in range(3)] == [False, False, True]


def test_a_goal_is_never_where_the_episode_begins() -> None:
    vec = make_vec(1000, size=2)
    info = vec.reset(seed=0)[1]
    assert not info["is_success"].any()
    moved = np.stack([info["factors"][name] != info["goal"][name] for name in ("first", "second")])
    assert (~moved.any(axis=2)).sum(axis=1).min() > 100  # one digit alone may be at its goal
    goal = every_placement(2)
    vec = make_vec(16, size=2)
    for seed in range(20):
        info = vec.reset(seed=seed, options={"goal": goal})[1]
        assert not info["is_success"].any()
        assert all(np.array_equal(info["goal"][name], goal[name]) for name in goal)
    assert vec.reset(seed=0, options={"goal": goal, "factors": goal})[1]["is_success"].all()


def test_starts_and_goals_are_uniform() -> None:
    info = make_vec(4000, size=2).reset(seed=1)[1]
    for key in ("factors", "goal"):
        cells = np.concatenate([info[key]["first"], info[key]["second"]], axis=1)
        counts = np.bincount(cells @ [8, 4, 2, 1], minlength=16)
        assert 170 < counts.min() <= counts.max() < 330  # 250 on average, five standard deviations


def test_the_goal_is_shown_by_the_scene_s_own_digits() -> None:
    env = make()
    observation, info = env.reset(seed=3)
    assert set(info["goal"]) == {"first", "second"}
    assert np.array_equal(env.set_factors(info["goal"])["observation"], observation["desired_goal"])


def test_without_a_task_there_is_no_goal() -> None:
    env = make(task="none", terminate_on_success=True, max_steps=50)
    observation, info = env.reset(seed=0)
    assert observation.shape == (64, 64, 1)
    assert env.observation_space.contains(observation)
    assert info["goal"] == env.scene()["goal"] == {}
    outcomes = [env.step(int(action)) for action in np.random.default_rng(0).integers(0, 8, 49)]
    assert not any(o[1] or o[2] or o[3] or o[4]["is_success"] for o in outcomes)
    with pytest.raises(ValueError, match="goal name"):
        env.reset(options={"goal": at([0, 0], [0, 0])})


# Scenes, settings


@pytest.mark.parametrize("other", [{"split": "test"}, {"size": 4}, {"pixels": 60}])
def test_a_scene_of_another_grid_is_refused(other: dict[str, Any]) -> None:
    env, another = make(), make(**other)
    env.reset(seed=0)
    another.reset(seed=0)
    before = another.scene()
    scene = env.scene() | {"factors": before["factors"], "goal": before["goal"]}
    with pytest.raises(ValueError, match=r"layout: the scene is of another grid or of other digits"):
        another.reset(options={"scene": scene})
    assert another.scene() == before


@pytest.mark.parametrize("images", [None, 3, [0], [], [0, 10**6], [-1, 0], [1.0, 0], ["a", "b"], [[1], [0]]])
def test_a_scene_needs_images_of_its_classes(images: Any) -> None:
    env = make()
    env.reset(seed=0)
    before = env.scene()
    bad = [images, before["images"][::-1]]  # the even one first
    for each in bad:
        with pytest.raises(ValueError, match="must be two images of the split"):
            env.reset(options={"scene": before | {"images": each}})
    assert env.scene() == before


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("task", "reech", "did you mean 'reach'"),
        ("task", ["reach"], r"unknown task \['reach'\]"),
        ("split", "tests", "did you mean 'test'"),
        ("digits", "mnst", "did you mean 'mnist'"),
        ("reward", "dence", "did you mean 'dense'"),
        ("size", 1, "size must be at least 2, not 1"),
        ("size", True, "size must be a whole number of at least 2, not True"),
        ("pixels", 64.0, "pixels must be a whole number"),
        ("pixels", 10**6, "pixels must be from 1 to 256"),
        ("digits", None, "unknown digits None"),
        ("pixels", 29, "pixels must be at least 6 for each of size=5 cells, not 29"),
        ("max_steps", 0, "max_steps must be at least 1, not 0"),
    ],
)
def test_bad_settings_are_named(argument: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**{argument: value})


@pytest.mark.parametrize("action", [-1, 8, 2.0, True, None, [1]])
def test_bad_actions_are_refused(action: Any) -> None:
    env = make()
    env.reset(seed=0)
    before = env.scene()
    with pytest.raises(ValueError, match="action"):
        env.step(action)
    assert env.scene() == before


def test_without_mnist_small_digits_replace_it_and_the_log_tells_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(mnist.VARIABLE, raising=False)
    find_pool.cache_clear()
    mnist._tell_of_digits.cache_clear()
    env = make(digits="auto")  # a warning would be an error here, as in Gymnasium's tests
    make(digits="auto")
    (told,) = caplog.messages  # once
    assert "MNIST is not on this machine" in told
    assert env.digits == "digits"
    env.reset(seed=0)
    assert env.scene()["layout"]["digits"] == "digits"
    with pytest.raises(FileNotFoundError, match="unknot fetch mnist"):
        make(digits="mnist")


# Images


def test_a_split_without_a_digit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = mnist.load("test", source="digits")
    monkeypatch.setattr(mnist, "load", lambda split, source: (images[labels != 3], labels[labels != 3]))
    find_pool.cache_clear()
    with pytest.raises(ValueError, match=r"'digits' must have every digit; it has no \[3\]"):
        make(digits="digits")
    find_pool.cache_clear()


def test_pickles_leave_the_digits_out() -> None:
    env = make()
    env.reset(seed=0)
    assert len(pickle.dumps(env)) < 50_000 < find_pool("digits", "train", 12).sprites.nbytes


@pytest.mark.parametrize(("size", "pixels", "cell"), [(2, 64, 32), (5, 30, 6), (10, 64, 6)])
def test_other_sizes_are_rendered(size: int, pixels: int, cell: int) -> None:
    vec = make_vec(1, size=size, pixels=pixels)
    vec.reset(seed=0)
    images = vec.render_factors(at(np.array([[0, 0], [size - 1] * 2]), np.array([[0, 0], [size - 1] * 2])))
    margin = (pixels - size * cell) // 2
    for image, start in zip(images, (margin, margin + (size - 1) * cell), strict=True):
        ink = np.argwhere(image[:, :, 0])
        assert ink.min() >= start
        assert ink.max() < start + cell
        assert np.ptp(ink[:, 0]) > cell / 2


def test_golden_frames() -> None:
    """A change of rendering raises the environment's version."""
    env = make(render_mode="rgb_array")
    observation, _ = env.reset(seed=0)
    frames = [observation["observation"], observation["desired_goal"], env.render()]
    digests = [hashlib.sha256(frame.tobytes()).hexdigest()[:16] for frame in frames]
    assert digests == ["72f414388e53f552", "f400176d664c3a39", "a1bc8725914e105d"]


def test_arrows_and_letters_steer() -> None:
    pygame = pytest.importorskip("pygame")
    keys = make().get_keys_to_action()
    assert sorted(keys.values()) == list(range(8))
    env = make()
    env.reset(seed=0, options={"factors": at([2, 2], [2, 2])})
    for key, name, cell in ((pygame.K_UP, "first", [1, 2]), (pygame.K_d, "second", [2, 3])):
        assert env.step(keys[(key,)])[4]["factors"][name].tolist() == cell


def test_play_waits_for_the_player(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every action moves a digit here, so only keys act."""
    pygame = pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr("matplotlib.use", lambda _: None)  # Gymnasium's play asks for a window for good
    press, leave = pygame.event.Event(pygame.KEYDOWN, key=pygame.K_s), pygame.event.Event(pygame.QUIT)
    release = pygame.event.Event(pygame.KEYUP, key=pygame.K_s)
    seen = iter([[], [press, release], [], [press], [release], [leave]])
    monkeypatch.setattr(pygame.event, "get", lambda: next(seen))
    actions: list[int] = []
    original = MnistGridEnv.step

    def step(env: MnistGridEnv, action: int) -> Any:
        actions.append(action)
        return original(env, action)

    monkeypatch.setattr(MnistGridEnv, "step", step)
    main(["play", "unknot/MnistGrid-v0", "digits=digits"])
    assert actions == [4]
