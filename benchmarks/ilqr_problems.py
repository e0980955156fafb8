"""How many latent problems a second does ILQR solve, beside mpc.pytorch at equal final cost?

Dynamics: z + 0.5 u and a residual of a random network of two hidden layers of 64, two states, two controls
within [-1, 1], horizon 40, Q = I, R = 0.1 I. Both start from zeros and plan until their own test of
convergence; the costs that both reached are printed, as are the seconds of each.

    python benchmarks/ilqr_problems.py
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable

import torch
from mpc import mpc
from torch import Tensor, nn

from unknot.planners import ILQR, QuadraticCost, Status

HORIZON, LIMIT = 40, 1.0


class Residual(nn.Module):
    """Neural latent dynamics, seeded; as a module it is what mpc.pytorch calls."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(
            nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2)
        ).requires_grad_(False)

    def forward(self, z: Tensor, u: Tensor) -> Tensor:
        """Return the next states (rows, 2)."""
        following: Tensor = z + 0.5 * u + self.net(torch.cat([z, u], -1))
        return following

    step = forward


def ours(dynamics: Residual, start: Tensor, goal: Tensor) -> Tensor:
    """Plan with ILQR and return the costs reached (batch,)."""
    cost = QuadraticCost(torch.eye(2), 0.1 * torch.eye(2), goal)
    plan = ILQR(HORIZON, limits=(-LIMIT, LIMIT)).plan(dynamics, cost, start)
    print("  ILQR ended:", {s.name: int((plan.status == s).sum()) for s in Status})
    return cost(plan.states, plan.actions)


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


def timed(solve: Callable[[], Tensor], repeats: int) -> tuple[Tensor, float]:
    """Return the costs and the least seconds of several runs."""
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        costs = solve()
        seconds.append(time.perf_counter() - begin)
    return costs, min(seconds)


def main() -> None:
    """Print rates and their ratio at 64 and 1,024 problems."""
    dynamics = Residual()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    for batch in (64, 1024):
        generator = torch.Generator().manual_seed(batch)
        start, goal = (4 * torch.rand(batch, 2, generator=generator) - 2 for _ in range(2))
        costs, seconds = timed(lambda s=start, g=goal: ours(dynamics, s, g), 3)
        print(f"{batch} problems, ILQR: cost {costs.mean():.4f}, {batch / seconds:.0f} a second")
        for iterations in (10, 20, 50):
            their, longer = timed(lambda s=start, g=goal, i=iterations: theirs(dynamics, s, g, i), 1)
            print(
                f"{batch} problems, mpc {iterations} iterations: cost {their.mean():.4f}, "
                f"{batch / longer:.0f} a second, ratio {longer / seconds:.1f}; "
                f"within 0.1% of ILQR's cost or better: {(their <= 1.001 * costs).float().mean():.3f}, "
                f"ILQR within 0.1% of its: {(costs <= 1.001 * their).float().mean():.3f}"
            )


if __name__ == "__main__":
    main()
