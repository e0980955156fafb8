"""How fast do CEM and MPPI plan in a latent model, beside stable-worldmodel's solvers and pytorch_mppi?

The model is that of ilqr_problems.py, with a mild residual: two latents, two controls within [-1, 1]. 64
problems, horizon 20, Q = I, R = 0.1 I. All begin with zeros and sample with the standard
deviation 1. stable-worldmodel has its default settings: 300 samples, 30 iterations, 30 elites, one
problem at a time; beside that, all problems at a time. pytorch_mppi has as many samples and iterations and
solves one problem at a time. Ours has as many rollouts; in a second row the fewest, from a short list, with
which its mean cost is at most 0.1% above the best of theirs. One thread; processor seconds.

    pip install stable-worldmodel pytorch_mppi
    python benchmarks/sampling_planners.py
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import torch
from torch import Tensor, nn

from unknot.planners import CEM, MPPI, QuadraticCost

try:
    from pytorch_mppi import MPPI as TheirMPPI
    from stable_worldmodel.solver import CEMSolver, MPPISolver
except ImportError as error:
    print(f"{error}; this needs: pip install stable-worldmodel pytorch_mppi")
    raise SystemExit(0) from None

PROBLEMS, HORIZON, LIMIT = 64, 20, 1.0
SAMPLES, STEPS, ELITES, TEMPERATURE = 300, 30, 30, 0.5
BUDGETS = ((32, 10), (64, 10), (64, 15), (128, 15), (128, 30), (SAMPLES, STEPS))
"""Samples and iterations, the fewest rollouts first."""

Q, R = torch.eye(2), 0.1 * torch.eye(2)


class Latent:
    """Seeded neural latent dynamics."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        layers = nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2)
        self.residual = nn.Sequential(*layers)

    def step(self, z: Tensor, u: Tensor) -> Tensor:
        """Return the next states (rows, 2)."""
        change: Tensor = 0.5 * u + 0.1 * self.residual(torch.cat([z, u], -1))
        return z + change


class Costed:
    """The model as stable-worldmodel's solvers take it: the cost of candidates, clipped to the limits."""

    def __init__(self, dynamics: Latent) -> None:
        self.dynamics = dynamics

    def get_cost(self, info: dict[str, Tensor], candidates: Tensor) -> Tensor:
        """Return costs (batch, samples) of candidates (batch, samples, horizon, 2)."""
        z, goal = info["start"].flatten(0, 1), info["goal"].flatten(0, 1)
        actions = candidates.clamp(-LIMIT, LIMIT).flatten(0, 1)
        return cost_of(self.dynamics, z, goal, actions).view(candidates.shape[:2])


def cost_of(dynamics: Latent, z: Tensor, goal: Tensor, actions: Tensor) -> Tensor:
    """Return the costs (n,) of plans (n, horizon, 2) from z (n, 2) to goals (n, 2)."""
    total = torch.zeros(len(z))
    for action in actions.unbind(1):
        z = dynamics.step(z, action)
        total = total + (z - goal).square().sum(1) + 0.1 * action.square().sum(1)
    return total


def ours(planner: Any, dynamics: Latent, start: Tensor, goal: Tensor) -> Tensor:
    """Return the costs (batch,) that one of our planners reaches."""
    costs: Tensor = planner.plan(dynamics, QuadraticCost(Q, R, goal), start).costs[:, -1]
    return costs


def worldmodel(
    kind: Any, batch: int, dynamics: Latent, start: Tensor, goal: Tensor, **settings: Any
) -> Tensor:
    """Return the costs (batch,) that a solver of stable-worldmodel reaches, `batch` problems at a time."""
    solver = kind(
        Costed(dynamics), batch_size=batch, num_samples=SAMPLES, n_steps=STEPS, topk=ELITES, **settings
    )
    space = gym.spaces.Box(-LIMIT, LIMIT, (len(start), 2))
    config = SimpleNamespace(horizon=HORIZON, action_block=1)
    solver.configure(action_space=space, n_envs=len(start), config=config)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its time
        actions = solver.solve({"start": start, "goal": goal})["actions"]
    return cost_of(dynamics, start, goal, torch.as_tensor(actions).clamp(-LIMIT, LIMIT).float())


def pytorch_mppi(dynamics: Latent, start: Tensor, goal: Tensor) -> Tensor:
    """Return the costs (batch,) that pytorch_mppi reaches, one problem after the other."""
    plans = []
    for z, aim in zip(start, goal, strict=True):
        planner = TheirMPPI(
            dynamics.step,
            lambda state, action, aim=aim: (state - aim).square().sum(-1) + 0.1 * action.square().sum(-1),
            2, torch.eye(2), num_samples=SAMPLES, horizon=HORIZON, lambda_=TEMPERATURE,
            u_min=-LIMIT * torch.ones(2), u_max=LIMIT * torch.ones(2), U_init=torch.zeros(HORIZON, 2),
        )  # fmt: skip
        for _ in range(STEPS):
            planner.command(z, shift_nominal_trajectory=False)
        plans.append(planner.U)
    return cost_of(dynamics, start, goal, torch.stack(plans).clamp(-LIMIT, LIMIT))


def timed(solve: Callable[[], Tensor]) -> tuple[float, float]:
    """Return the mean cost reached and the processor seconds taken."""
    begin = time.process_time()
    costs = solve()
    return float(costs.mean()), time.process_time() - begin


def show(name: str, cost: float, seconds: float, beside: float) -> None:
    """Print a row; `beside` are the seconds that count as 1."""
    print(f"{name:<52} {PROBLEMS / seconds:>8.1f} a second   cost {cost:.4f}   ratio {beside / seconds:.1f}")


def make(kind: str, samples: int, steps: int) -> Any:
    """Return one of our planners with so many samples and iterations."""
    generator = torch.Generator().manual_seed(0)
    if kind == "MPPI":
        return MPPI(
            HORIZON, limits=(-LIMIT, LIMIT), population=samples, temperature=TEMPERATURE, noise=1.0,
            generator=generator, iterations=steps,
        )  # fmt: skip
    elites = max(samples // 10, 2)
    return CEM(
        HORIZON,
        limits=(-LIMIT, LIMIT),
        population=samples,
        elites=elites,
        generator=generator,
        iterations=steps,
    )


def compare(kind: str, theirs: dict[str, Callable[[], Tensor]], plan: Callable[[Any], Tensor]) -> None:
    """Print their rows, then ours with as many rollouts and with the fewest that reach their cost."""
    found = {name: timed(solve) for name, solve in theirs.items()}
    first = next(iter(found.values()))
    for name, (cost, seconds) in found.items():
        show(name, cost, seconds, first[1])
    best = min(cost for cost, _ in found.values())
    rows = {budget: timed(partial(plan, make(kind, *budget))) for budget in BUDGETS}
    show(f"unknot {kind}, as many rollouts", *rows[(SAMPLES, STEPS)], first[1])
    (samples, steps), row = next(
        ((budget, row) for budget, row in rows.items() if row[0] <= 1.001 * best),
        (BUDGETS[-1], rows[BUDGETS[-1]]),
    )
    show(f"unknot {kind}, {samples} samples, {steps} iterations", *row, first[1])


def main() -> None:
    """Print rates and their ratios."""
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    dynamics = Latent()
    generator = torch.Generator().manual_seed(PROBLEMS)
    start, goal = (4 * torch.rand(PROBLEMS, 2, generator=generator) - 2 for _ in range(2))
    print(f"torch {torch.__version__}, one thread, {PROBLEMS} problems")
    plan = partial(ours, dynamics=dynamics, start=start, goal=goal)
    for kind, solver, more in (("CEM", CEMSolver, {}), ("MPPI", MPPISolver, {"temperature": TEMPERATURE})):
        theirs: dict[str, Callable[[], Tensor]] = {
            f"stable-worldmodel {kind}, {text}": partial(
                worldmodel, solver, batch, dynamics, start, goal, **more
            )
            for text, batch in (("one problem at a time", 1), ("all at a time", PROBLEMS))
        }
        if kind == "MPPI":
            theirs["pytorch_mppi, one problem at a time"] = partial(pytorch_mppi, dynamics, start, goal)
        compare(kind, theirs, plan)


if __name__ == "__main__":
    main()
