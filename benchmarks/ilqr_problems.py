"""How many latent problems per second does ILQR solve, compared with mpc.pytorch at equal final cost?

Dynamics: z + 0.5 u plus the output of a random network with two hidden layers of 64, times 0.1 (mild, like a
learnt map of a plane) or 1 (wild). Two states, two controls within [-1, 1], horizon 40, Q = I, R = 0.1 I.
Both planners begin with zeros. ILQR stops by its own convergence test. mpc.pytorch (default settings,
derivatives by automatic differentiation) gets the fewest iterations, from a short list, with which its mean
cost is at most 0.1% above ILQR's. Both run on one thread. Times are processor seconds, so that other work on
the machine does not count. ILQR runs before each run of mpc.pytorch, and its median time is taken.

    python benchmarks/ilqr_problems.py
"""

from __future__ import annotations

import contextlib
import io
import time
import warnings
from collections.abc import Callable
from functools import partial
from statistics import median

import torch
from mpc import mpc
from torch import Tensor, nn

from unknot.planners import ILQR, QuadraticCost

HORIZON, LIMIT = 40, 1.0


class Residual(nn.Module):
    """Seeded neural latent dynamics; mpc.pytorch calls it as a module."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale
        torch.manual_seed(0)
        self.net = nn.Sequential(
            nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2)
        ).requires_grad_(False)

    def forward(self, z: Tensor, u: Tensor) -> Tensor:
        """Return the next states (rows, 2)."""
        following: Tensor = z + 0.5 * u + self.scale * self.net(torch.cat([z, u], -1))
        return following

    step = forward


def ours(dynamics: Residual, start: Tensor, goal: Tensor) -> Tensor:
    """Plan with ILQR at its default settings and return the costs reached (batch,)."""
    cost = QuadraticCost(torch.eye(2), 0.1 * torch.eye(2), goal)
    return ILQR(HORIZON, limits=(-LIMIT, LIMIT)).plan(dynamics, cost, start).costs[:, -1]


def theirs(dynamics: Residual, start: Tensor, goal: Tensor, iterations: int) -> Tensor:
    """Plan with mpc.pytorch and return the costs reached (batch,).

    Its cost covers z_0..z_T-1 and the actions taken there; one more step, whose action can be zero, adds z_T.
    """
    batch, steps = len(start), HORIZON + 1
    C = torch.diag(torch.tensor([2.0, 2.0, 0.2, 0.2])).expand(steps, batch, 4, 4).contiguous()
    c = torch.cat([-2 * goal, torch.zeros(batch, 2)], 1).expand(steps, batch, 4).contiguous()
    solver = mpc.MPC(
        2, 2, steps, u_lower=-LIMIT, u_upper=LIMIT, lqr_iter=iterations, exit_unconverged=False,
        detach_unconverged=False, backprop=False, verbose=-1, n_batch=batch,
        grad_method=mpc.GradMethods.AUTO_DIFF,
    )  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls functions of torch's that are deprecated
        x, u, _ = solver(start, mpc.QuadCost(C, c), dynamics)
    cost = QuadraticCost(torch.eye(2), 0.1 * torch.eye(2), goal)
    return cost(x.mT.permute(2, 0, 1), u[:-1].mT.permute(2, 0, 1)).detach()


def timed(solve: Callable[[], Tensor]) -> tuple[Tensor, float]:
    """Return the costs reached and the processor seconds taken."""
    begin = time.process_time()
    costs = solve()
    return costs, time.process_time() - begin


def compare(dynamics: Residual, batch: int) -> None:
    """Raise the iterations of mpc.pytorch until it reaches ILQR's cost; time both each time."""
    generator = torch.Generator().manual_seed(batch)
    start, goal = (4 * torch.rand(batch, 2, generator=generator) - 2 for _ in range(2))
    times = []
    for iterations in (4, 6, 8, 10, 12, 14, 16, 20, 30):
        our_costs, seconds = timed(lambda: ours(dynamics, start, goal))
        times.append(seconds)
        their_costs, their_seconds = timed(partial(theirs, dynamics, start, goal, iterations))
        if float(their_costs.mean()) <= 1.001 * float(our_costs.mean()):
            break
    our_seconds = median(times)
    print(
        f"residual x {dynamics.scale}, {batch} problems: "
        f"ILQR {batch / our_seconds:.0f} per second, cost {our_costs.mean():.4f}; "
        f"mpc.pytorch {batch / their_seconds:.0f} per second, cost {their_costs.mean():.4f} "
        f"({iterations} iterations); ratio {their_seconds / our_seconds:.1f}"
    )


def main() -> None:
    """Print rates and their ratio at 64 and 1,024 problems."""
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread")
    for scale in (0.1, 1.0):
        for batch in (64, 1024):
            compare(Residual(scale), batch)


if __name__ == "__main__":
    main()
