"""Batches for learners that interact: rollouts of a given vector environment."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Discrete
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from torch import Tensor

from unknot.checks import count

__all__ = ["Act", "Behaviour", "interactions", "sample_actions", "uniform"]

Act = Callable[[NDArray[np.uint8], Tensor], tuple[Tensor, Tensor]]
"""Observations (n, h, w, c) and the mask of permitted actions (n, actions), bool, to the actions taken (n,)
and the probability of each, (n,)."""
Behaviour = Callable[[NDArray[np.uint8]], Act]
"""A policy for whole rollouts: from the first observations to a function that acts."""


def uniform(observation: NDArray[np.uint8]) -> Act:
    """Act uniformly over the permitted actions: a `Behaviour`."""
    return lambda _, mask: sample_actions(mask / mask.sum(1, keepdim=True))


def sample_actions(probabilities: Tensor) -> tuple[Tensor, Tensor]:
    """Sample an action from each row of (n, actions); return actions and their probabilities, (n,) each."""
    action = torch.multinomial(probabilities, 1)
    return action[:, 0], probabilities.gather(1, action)[:, 0]


def interactions(
    env: VectorEnv[Any, Any, Any],
    seed: int,
    *,
    steps: int = 1,
    behaviour: Behaviour = uniform,
    masked: bool = True,
) -> Callable[[int], dict[str, Tensor]]:
    """Make a function from batch numbers to batches of transitions in an environment.

    For each batch all copies are reset, with a seed made of `seed` and the number of the batch, and act for
    `steps` steps. A batch depends on that number, on torch's random state and on the weights of the
    behaviour. A checkpoint holds all of these, so training resumes exactly.

    Args:
        env: its copies are the n rows of a batch; actions are discrete, and no episode ends within `steps`.
        seed: of the resets.
        steps: k, the number of actions of each copy.
        behaviour: the policy.
        masked: whether to use the environment's mask. Without it every action is permitted, and an impossible
            one changes nothing.

    Returns:
        `batch_at(number)`, which returns a dict of tensors; those of actions have no axis k if k is 1:
        `observation` and `next_observation`, uint8 (n, h, w, c), before the first action and after the last;
        `between`, uint8 (n, k - 1, h, w, c), the observations in between, if k > 1; `action`, int64 (n, k);
        `probability`, float32 (n, k), with which the behaviour took it; `action_mask`, bool (n, k, actions):
        the environment's `info["action_mask"]` if it has one, else all true. A copy without a permitted
        action may take any.

    Raises:
        ValueError: `steps` below 1, or actions that aren't discrete; on use, an episode that ends within the
            steps, since the next observation would belong to another episode.
    """
    count(1, steps=steps)
    space = env.single_action_space
    if not isinstance(space, Discrete):
        raise ValueError(f"env must have discrete actions, not {space}")
    actions = int(space.n)

    def permitted(info: Mapping[str, Any]) -> Tensor:
        if not masked or "action_mask" not in info:
            return torch.ones(env.num_envs, actions, dtype=torch.bool)
        mask = torch.as_tensor(info["action_mask"]).bool()
        return mask | ~mask.any(1, keepdim=True)

    def batch_at(number: int) -> dict[str, Tensor]:
        entropy = np.random.SeedSequence([seed, number]).generate_state(1)
        observation, info = env.reset(seed=int(entropy[0]))
        act, seen, taken = behaviour(observation), [observation], []
        for _ in range(steps):
            mask = permitted(info)
            action, probability = act(observation, mask)
            observation, _, terminated, truncated, info = env.step(action.numpy(force=True))
            if (ended := np.flatnonzero(terminated | truncated)).size:
                raise ValueError(f"env must not end an episode within {steps} steps, but copies {ended} did")
            seen.append(observation)
            taken.append((action, probability, mask))
        images = [torch.from_numpy(image) for image in seen]
        names = ("action", "probability", "action_mask")
        columns = zip(names, zip(*taken, strict=True), strict=True)
        batch = {name: torch.stack(values, 1) if steps > 1 else values[0] for name, values in columns}
        if steps > 1:
            batch["between"] = torch.stack(images[1:-1], 1)
        return {"observation": images[0], **batch, "next_observation": images[-1]}

    return batch_at
