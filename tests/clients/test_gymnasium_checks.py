"""What Gymnasium's own tests ask of each of its environments, of ours."""

import pickle
import warnings

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence

from tests.clients.ids import each_of_ours

SYMMETRIC = "we recommend using a symmetric and normalized space"
"""A warning about actions in pixels, which Gymnasium lets its own environments have, too."""


@each_of_ours
def test_the_checker_warns_of_nothing(name: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(gym.make(name).unwrapped, skip_render_check=True)
    assert [str(each.message) for each in caught if SYMMETRIC not in str(each.message)] == []


@each_of_ours
def test_the_passive_checker_warns_of_nothing(name: str) -> None:
    env = gym.make(name)  # warnings are errors
    env.reset()
    env.step(env.action_space.sample())
    env.close()


@each_of_ours
def test_two_environments_of_a_seed_do_the_same(name: str) -> None:
    pair = [gym.make(name, disable_env_checker=True) for _ in range(2)]
    resets = [env.reset(seed=0) for env in pair]
    assert data_equivalence(resets[0], resets[1], exact=True)
    pair[0].action_space.seed(0)
    for _ in range(50):
        action = pair[0].action_space.sample()
        first, second = (env.step(action) for env in pair)
        assert data_equivalence(first, second, exact=True)
        assert pair[0].observation_space.contains(first[0])
        if first[2] or first[3]:
            for env in pair:
                env.reset(seed=0)


@each_of_ours
def test_a_pickled_environment_does_the_same(name: str) -> None:
    env = gym.make(name)
    action = env.action_space.sample()
    did = [env.reset(seed=123), env.step(action)]
    again = pickle.loads(pickle.dumps(env))
    assert data_equivalence(did, [again.reset(seed=123), again.step(action)])


@pytest.mark.filterwarnings(f"ignore:.*{SYMMETRIC}")
@each_of_ours
def test_stable_baselines_s_checker_takes_them(name: str) -> None:
    checker = pytest.importorskip("stable_baselines3.common.env_checker", reason="no Stable-Baselines3")
    checker.check_env(gym.make(name), warn=False)
