"""How many latent problems a second does ILQR solve, beside mpc.pytorch at equal final cost?

Dynamics: z + 0.5 u and the output of a random network of two hidden layers of 64, times 0.1 (mild, as a
learnt map of a plane is) or 1 (wild); two states, two controls within [-1, 1], horizon 40, Q = I, R = 0.1 I.
Both begin with zeros. ILQR plans until its own test of convergence. mpc.pytorch (its other settings its own,
derivatives by automatic differentiation) gets the fewest iterations of a short list with which its mean cost
is within 0.1% of ILQR's, or lower. Both run on one thread and are timed by the processor's seconds, so that
other work on the machine does not count; ILQR runs before each run of mpc.pytorch, and its median is taken.

    python benchmarks/ilqr_problems.py
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable
from functools import partial
from statistics import median

import torch
from mpc import mpc
from torch import Tensor, nn

from unknot.planners import ILQR, QuadraticCost

HORIZON, LIMIT = 40, 1.0


class Residual(nn.Module):
    """Neural latent dynamics, seeded; as a module it is what mpc.pytorch calls."""

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

    It charges states z_0..z_T-1 with the actions taken there; one more step with a free action charges z_T.
    """
    batch, steps = len(start), HORIZON + 1
    C = torch.diag(torch.tensor([2.0, 2.0, 0.2, 0.2])).expand(steps, batch, 4, 4).contiguous()
    c = torch.cat([-2 * goal, torch.zeros(batch, 2)], 1).expand(steps, batch, 4).contiguous()
    solver = mpc.MPC(
        2, 2, steps, u_lower=-LIMIT, u_upper=LIMIT, lqr_iter=iterations, exit_unconverged=False,
        detach_unconverged=False, backprop=False, verbose=-1, n_batch=batch,
        grad_method=mpc.GradMethods.AUTO_DIFF,
    )  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        x, u, _ = solver(start, mpc.QuadCost(C, c), dynamics)
    cost = QuadraticCost(torch.eye(2), 0.1 * torch.eye(2), goal)
    return cost(x.mT.permute(2, 0, 1), u[:-1].mT.permute(2, 0, 1))


def timed(solve: Callable[[], Tensor]) -> tuple[Tensor, float]:
    """Return the costs reached and the processor's seconds it took."""
    begin = time.process_time()
    costs = solve()
    return costs, time.process_time() - begin


def compare(dynamics: Residual, batch: int) -> None:
    """Raise the iterations of mpc.pytorch until it reaches ILQR's cost, timing both at each."""
    generator = torch.Generator().manual_seed(batch)
    start, goal = (4 * torch.rand(batch, 2, generator=generator) - 2 for _ in range(2))
    each = []
    for iterations in (4, 6, 8, 10, 12, 14, 16, 20, 30):
        costs, took = timed(lambda: ours(dynamics, start, goal))
        each.append(took)
        their, longer = timed(partial(theirs, dynamics, start, goal, iterations))
        if float(their.mean()) <= 1.001 * float(costs.mean()):
            break
    seconds = median(each)
    print(
        f"residual x {dynamics.scale}, {batch} problems: "
        f"ILQR {batch / seconds:.0f} a second, cost {costs.mean():.4f}; "
        f"mpc.pytorch {batch / longer:.0f} a second, cost {their.mean():.4f} ({iterations} iterations); "
        f"ratio {longer / seconds:.1f}"
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
