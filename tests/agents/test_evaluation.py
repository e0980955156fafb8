"""Evaluation: hand-worked intervals, the same problems at every batch size, bad input refused."""

import csv
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from numpy.typing import NDArray

import unknot  # noqa: F401
from unknot.agents import Evaluation, RandomAgent, StraightLineExpert, evaluate_agent, wilson_interval
from unknot.agents.evaluation import play
from unknot.agents.intervals import success_interval

Array = NDArray[Any]
PLANAR = "unknot/Planar-v0"
ANYWHERE: dict[str, Any] = {"task": "anywhere", "collision": "solid"}


class CountingEnv(gym.Env[Array, Array]):
    """Rewards each of `length` steps with 1; succeeds at the steps listed; observes the step's number."""

    observation_space = gym.spaces.Box(0, 100, (1,), np.float64)
    action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, length: int | None = 6, success: tuple[int, ...] = (), reports: bool = True) -> None:
        self.length, self.success, self.reports, self.count = length, success, reports, 0
        self.actions: list[float] = []

    def _shown(self) -> tuple[Array, dict[str, Any]]:
        info = {"is_success": self.count in self.success} if self.reports else {}
        return np.array([float(self.count)]), info

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        super().reset(seed=seed)
        self.count = 0
        return self._shown()

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        self.count += 1
        observation, info = self._shown()
        return observation, 1.0, False, self.count == self.length, info


class Still:
    """Returns zeros; from the step `since` on, `wrong`."""

    def __init__(self, wrong: Any = None, since: int = 1) -> None:
        self.wrong, self.since = wrong, since

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[Array, Any]:
        step = 1 if state is None else state + 1
        assert deterministic
        assert episode_start.all() == (step == 1)
        if self.wrong is not None and step >= self.since:
            return self.wrong, step
        return np.zeros((len(observation), 1), np.float32), step


def same(a: Evaluation, b: Evaluation) -> bool:
    arrays = ("successes", "returns", "steps", "lengths")
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in arrays)


def test_wilson_interval_by_hand() -> None:
    # 8 of 10 with z = 2: (0.8 + 0.2 ± 2 sqrt(0.016 + 0.01)) / 1.4 = (1 ± 0.3224903) / 1.4.
    assert wilson_interval(8, 10, z=2) == pytest.approx((0.4839355, 0.9446359), abs=1e-6)
    # All of n: n / (n + z²) to 1; none of n is its mirror image.
    assert wilson_interval(500, 500) == pytest.approx((500 / 503.8416, 1.0))
    assert wilson_interval(0, 500) == pytest.approx((0.0, 3.8416 / 503.8416), abs=1e-12)


@pytest.mark.parametrize(
    ("successes", "n", "said"),
    [(0, 0, "n must be at least 1, not 0"), (3, 2, "successes must be from 0 to 2, not 3")],
)
def test_wilson_refuses_impossible_counts(successes: int, n: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        wilson_interval(successes, n)


def test_an_interval_of_two_seeds_by_hand() -> None:
    # Mean 3/8. Seeds differ from it by ±1/8: 1/64 / 2 seeds. Problems by 5/8, 1/8, -3/8, -3/8:
    # 11/64 / 4 problems. The rest is ±1/8 six times and ±3/8 twice: 3/64 / 8 trials. Together 29/512.
    trials = 3 / 8 * 5 / 8 / (29 / 512)
    centre, half = (3 / 8 + 1.96**2 / 2 / trials), 1.96 * np.sqrt(15 / 64 / trials + 1.96**2 / 4 / trials**2)
    expected = (centre + np.array([-half, half])) / (1 + 1.96**2 / trials)
    assert success_interval([[1, 1, 0, 0], [1, 0, 0, 0]]) == pytest.approx(expected)


def test_the_interval_is_that_of_problems_and_seeds_resampled() -> None:
    rng = np.random.default_rng(0)
    hardness, skill = rng.normal(0, 3, 200), rng.normal(0, 1, (5, 1))
    outcomes = rng.random((5, 200)) < 1 / (1 + np.exp(hardness - skill - 1))
    seeds, problems = (rng.multinomial(n, [1 / n] * n, 4000) / n for n in outcomes.shape)
    drawn = ((seeds @ outcomes) * problems).sum(1)
    assert success_interval(outcomes) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.01)
    own = [
        np.mean([rng.choice(outcomes[seed], 200).mean() for seed in rng.integers(5, size=5)])
        for _ in range(2000)
    ]
    expected = np.quantile(own, [0.025, 0.975])
    assert success_interval(outcomes, shared=False) == pytest.approx(expected, abs=0.015)


def test_seeds_that_repeat_each_other_tell_no_more_than_one() -> None:
    one = np.arange(60) < 54
    assert success_interval([one]) == pytest.approx(wilson_interval(54, 60))
    assert success_interval([one] * 9) == pytest.approx(wilson_interval(54, 60))
    assert success_interval(np.ones((9, 60))) == wilson_interval(60, 60)  # a problem counts once
    assert success_interval(np.zeros((9, 60)), shared=False) == wilson_interval(0, 540)
    assert success_interval(np.full((3, 60), 0.5)) == wilson_interval(30, 60)  # shares that never vary


def test_19_of_20_intervals_hold_the_true_rate_and_pooled_ones_do_not() -> None:
    rng = np.random.default_rng(1)
    covered = np.zeros((400, 2), bool)
    for trial in covered:
        hard = rng.random(100) < 0.4  # no seed solves them; the others are solved by 9 of 10
        outcomes = ~hard & (rng.random((10, 100)) < 0.9)
        pooled = wilson_interval(int(outcomes.sum()), outcomes.size)
        trial[:] = [low <= 0.54 <= high for low, high in (success_interval(outcomes), pooled)]
    ours, theirs = covered.mean(0)
    assert 0.93 <= ours <= 0.99
    assert theirs < 0.6


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ([1, 0], r"outcomes must be \(seeds, problems\)"),
        (np.zeros((2, 0)), r"outcomes must be \(seeds, problems\)"),
        ([[0.0, 1.5]], "outcomes must be from 0 to 1, not 1.5"),
        ([[0.0, np.nan]], "outcomes must be from 0 to 1, not nan"),
    ],
)
def test_outcomes_that_are_none_are_refused(outcomes: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        success_interval(outcomes)


def test_returns_lengths_and_first_successes_are_counted() -> None:
    result = evaluate_agent(Still(), CountingEnv(success=(2, 3, 6)), episodes=3)
    assert result.returns.tolist() == [6.0] * 3
    assert result.lengths.tolist() == [6] * 3
    assert result.steps.tolist() == [2] * 3
    assert (result.success_rate, result.mean_return, result.episodes) == (1.0, 6.0, 3)
    assert result.interval == wilson_interval(3, 3)
    assert result.decision_seconds > 0


def test_a_success_before_the_last_step_does_not_count() -> None:
    result = evaluate_agent(Still(), CountingEnv(success=(2, 3)), episodes=1)
    assert (result.success_rate, result.steps.tolist()) == (0.0, [2])


def test_max_steps_cuts_episodes_off() -> None:
    result = evaluate_agent(Still(), CountingEnv(length=None, success=(4,)), episodes=2, max_steps=4)
    assert (result.success_rate, result.lengths.tolist()) == (1.0, [4, 4])


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_episodes_of_different_lengths_in_every_autoreset_mode(mode: AutoresetMode) -> None:
    vector = SyncVectorEnv(
        [lambda: CountingEnv(3, success=(3,)), lambda: CountingEnv(5), lambda: CountingEnv(4, success=(4,))],
        autoreset_mode=mode,
    )

    class Any3(Still):
        def predict(
            self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
        ) -> tuple[Array, Any]:
            return np.zeros((3, 1), np.float32), None

    result = evaluate_agent(Any3(), vector, episodes=5)
    assert result.lengths.tolist() == [3, 5, 4, 3, 5]
    assert result.returns.tolist() == [3.0, 5.0, 4.0, 3.0, 5.0]
    assert result.successes.tolist() == [True, False, True, True, False]


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_true_factors_survive_the_end_of_other_episodes(mode: AutoresetMode) -> None:
    kwargs: dict[str, Any] = {**ANYWHERE, "terminate_on_success": True}
    vector = gym.make_vec(PLANAR, num_envs=7, autoreset_mode=mode, **kwargs)
    alone = evaluate_agent(StraightLineExpert(), gym.make(PLANAR, **kwargs), episodes=10, seed=3)
    assert same(evaluate_agent(StraightLineExpert(), vector, episodes=10, seed=3), alone)
    assert len(set(alone.lengths.tolist())) > 2


def test_every_batch_size_poses_the_same_problems() -> None:
    agent = StraightLineExpert()
    by_id = evaluate_agent(agent, PLANAR, episodes=20, seed=5, env_kwargs=ANYWHERE)
    assert 0 < by_id.success_rate < 1
    for env in (
        gym.make(PLANAR, **ANYWHERE),
        gym.make_vec(PLANAR, num_envs=3, **ANYWHERE),
        gym.make_vec(PLANAR, num_envs=64, **ANYWHERE),
        gym.make_vec(PLANAR, num_envs=4, vectorization_mode="sync", **ANYWHERE),
    ):
        assert same(evaluate_agent(agent, env, episodes=20, seed=5), by_id)
    later = evaluate_agent(agent, PLANAR, episodes=15, seed=10, env_kwargs=ANYWHERE)
    assert later.returns.tolist() == by_id.returns.tolist()[5:]


def test_play_begins_with_the_given_factors_and_yields_each_step() -> None:
    vector = gym.make_vec(PLANAR, num_envs=2)
    starts, goals = np.full((2, 2), 5.0), np.full((2, 2), 8.0)
    options = {"factors": {"position": starts}, "goal": {"position": goals}}
    steps = list(play(StraightLineExpert(), vector, 0, options=options, max_steps=3))
    assert len(steps) == 3
    np.testing.assert_allclose(steps[0].infos["factors"]["position"], starts + steps[0].actions, atol=1e-5)
    assert steps[-1].infos["goal"]["position"].tolist() == goals.tolist()
    assert all(step.running.all() for step in steps)


def test_an_environment_given_stays_open() -> None:
    env = gym.make(PLANAR)
    evaluate_agent(StraightLineExpert(), env, episodes=1)
    env.reset(seed=0)


def test_on_step_sees_the_running_episodes() -> None:
    seen: dict[int, list[float]] = {}

    def look(episodes: Array, actions: Array, infos: dict[str, Any]) -> None:
        assert actions.shape == infos["factors"]["position"].shape == (len(episodes), 2)
        gap = np.linalg.norm(infos["factors"]["position"] - infos["goal"]["position"], axis=1)
        for episode, near in zip(episodes, gap <= 2, strict=True):
            seen.setdefault(int(episode), []).append(float(near))

    env = gym.make_vec(PLANAR, num_envs=3, terminate_on_success=True)
    result = evaluate_agent(StraightLineExpert(), env, episodes=5, on_step=look)
    assert [sum(seen[k]) for k in range(5)] == result.returns.tolist()
    assert [len(seen[k]) for k in range(5)] == result.lengths.tolist()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"episodes": 0}, "episodes must be at least 1, not 0"),
        ({"max_steps": 0}, "max_steps must be at least 1, not 0"),
        ({"env": CountingEnv(), "env_kwargs": {"length": 3}}, "env_kwargs must be None"),
        ({"env": CountingEnv(reports=False)}, "does not report success"),
        ({"env": CountingEnv(), "agent": StraightLineExpert()}, "privileged agent needs"),
        ({"env": CountingEnv(), "agent": Still(np.zeros(3), since=2)}, r"Still .* shape \(3,\) at step 2"),
        ({"env": CountingEnv(), "agent": Still(np.full((1, 1), np.nan), since=3)}, r"Still .* at step 3"),
    ],
)
def test_bad_input_is_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        evaluate_agent(**{"agent": Still(), "env": PLANAR, **arguments})


def test_a_random_agent_under_stable_baselines3() -> None:
    evaluation = pytest.importorskip("stable_baselines3.common.evaluation")
    env = gym.make(PLANAR, reward="dense")
    agent = RandomAgent(env.action_space, seed=0)
    mean, _ = evaluation.evaluate_policy(agent, env, n_eval_episodes=2, warn=False)
    assert mean < -200


def test_a_stable_baselines3_model_under_evaluate_agent() -> None:
    sb3 = pytest.importorskip("stable_baselines3")
    model = sb3.PPO("MultiInputPolicy", gym.make(PLANAR), n_steps=8, batch_size=8, seed=0, device="cpu")
    result = evaluate_agent(model, PLANAR, episodes=2, env_kwargs={"max_steps": 6})
    assert result.lengths.tolist() == [6, 6]
    assert result.success_rate == 0


# Problems of one's own, and what comes of results

PROBLEMS: list[Any] = [
    {"factors": {"position": [4.0, 4.0]}, "goal": {"position": [4.0, 10.0]}},
    {"factors": {"position": [36.0, 36.0]}, "goal": {"position": [36.0, 33.0]}},
    {"factors": {"position": [36.0, 4.0]}, "goal": {"position": [4.0, 36.0]}},  # an obstacle is in between
]


def solve(problems: list[Any] = PROBLEMS, env: Any = PLANAR, **settings: Any) -> Evaluation:
    return evaluate_agent(StraightLineExpert(), env, problems=problems, **settings)


@pytest.mark.parametrize("single", [True, False])
def test_an_agent_solves_problems_of_ones_own(single: bool) -> None:
    env = gym.make(PLANAR, collision="solid") if single else gym.make_vec(PLANAR, 2, collision="solid")
    result = solve(env=env)
    assert result.successes.tolist() == [True, True, False]
    for problem, path, goal in zip(PROBLEMS, result.paths, result.goals, strict=True):
        assert path["position"].shape == (41, 2)
        assert path["position"][0].tolist() == problem["factors"]["position"]
        assert goal["position"].tolist() == problem["goal"]["position"]
    assert np.abs(result.paths[0]["position"][2] - [4, 10]).max() < 0.01  # two steps of 3 pixels
    assert np.abs(result.paths[1]["position"][1:] - [36, 33]).max() < 0.01


def test_paths_are_those_of_the_episodes_whichever_way_the_environment_restarts() -> None:
    """Each episode ends at its goal; with SAME_STEP, infos of that step are already the next episode's."""
    results = [
        evaluate_agent(
            StraightLineExpert(),
            gym.make_vec(PLANAR, copies, autoreset_mode=mode, terminate_on_success=True, **ANYWHERE),
            6,
            seed=3,
        )
        for copies, mode in ((6, "NextStep"), (4, "SameStep"), (1, "Disabled"))
    ]
    for result in results:
        assert [len(path["position"]) - 1 for path in result.paths] == result.lengths.tolist()
        assert result.seeds.tolist() == [3, 4, 5, 6, 7, 8]
        for path, goal, success in zip(result.paths, result.goals, result.successes, strict=True):
            gap = np.linalg.norm(path["position"][-1] - goal["position"])
            assert (gap <= 2) == success
        for path, same in zip(result.paths, results[0].paths, strict=True):
            assert np.array_equal(path["position"], same["position"])


@pytest.mark.parametrize(
    ("problems", "env", "settings", "sentence"),
    [
        (PROBLEMS, PLANAR, {"episodes": 2}, "problems must be as many as episodes, 2, not 3"),
        ([], PLANAR, {}, "problems must be a list such as"),
        ([{"factors": [4, 4]}], PLANAR, {}, r"problems must be dicts such as .*, not .* \(number 0\)"),
        ([PROBLEMS[0], {"factors": {}}], PLANAR, {}, "problems must name the same factors"),
        ([{"factors": {"place": [1, 1]}}], PLANAR, {}, "unknown factors name 'place'"),
        (PROBLEMS, SyncVectorEnv([lambda: gym.make(PLANAR)] * 2), {}, "a native vector environment"),
    ],
)
def test_problems_that_cant_be_posed_are_refused(
    problems: list[Any], env: Any, settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        solve(problems, env, **settings)


def test_a_table_has_a_row_for_each_episode(tmp_path: Path) -> None:
    solve(env_kwargs={"collision": "solid"}, seed=5).to_csv(tmp_path / "line.csv")
    with (tmp_path / "line.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["seed"] for row in rows] == ["5", "6", "7"]
    assert [row["success"] for row in rows] == ["1", "1", "0"]
    assert rows[2]["steps"] == ""
    assert int(rows[0]["steps"]) >= 5  # it succeeds when it has stayed for five steps
    assert [float(rows[0][f"start_position_{k}"]) for k in (0, 1)] == [4, 4]
    assert [float(rows[0][f"goal_position_{k}"]) for k in (0, 1)] == [4, 10]
    assert float(rows[1]["end_position_1"]) == pytest.approx(33, abs=0.01)


def test_a_picture_has_the_map_the_paths_and_success_by_distance() -> None:
    figure: Any = solve(env_kwargs={"collision": "solid"}).plot()
    paths, distances = figure.axes
    assert paths.images[0].get_array().max() == 1
    assert list(paths.images[0].get_extent()) == [0, 40, 40, 0]
    lines = [line.get_xydata()[:, ::-1] for line in paths.lines[::3]]
    assert [line[0].tolist() for line in lines] == [problem["factors"]["position"] for problem in PROBLEMS]
    assert [text.get_text() for text in distances.texts] == ["n=2", "n=1"]  # 3 and 6 pixels, and 45
    assert "66.7% of 3 episodes" in distances.get_title()


def test_what_has_no_places_is_not_plotted() -> None:
    with pytest.raises(ValueError, match="no factor is a place"):
        evaluate_agent(Still(), CountingEnv(), 2).plot()
