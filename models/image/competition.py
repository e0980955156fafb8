"""Experts that compete for images, and so sort them by the mechanism that changed them."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from unknot.checks import above, at_least, count, one_of, within
from unknot.models.adversarial import discriminator_loss
from unknot.models.image.experts import DISCRIMINATORS, NORMS, Experts
from unknot.representation.learner import Learner, as_images, descend, image_tensor
from unknot.representation.networks import image_shape

__all__ = ["IDENTITIES", "CompetingExperts", "Repaired"]

Images = NDArray[np.uint8]

IDENTITIES = ("shared", "each", "none")
"""How experts begin: as copies of one that learnt the identity, each with it learnt, or at random."""
MEMORY = 100
"""Updates that the moving average of an expert's share of wins remembers."""
DIFFERENCE = 0.05
"""By how much a copy of an expert differs from it: the noise's share of the weights' standard deviation."""
IDLE, GREEDY = 0.5, 1.5
"""Shares of wins below and above which an expert is idle and greedy, in units of a fair share."""
SAME = 0.1
"""Two experts do the same to images if their outputs differ by less than this share of the squared change."""
FALL = 0.75
"""The last share of the updates, in which learning rates fall to 0."""
APART = 300
"""Updates of the competition after which runners-up are pushed: before, experts take mechanisms by chance."""
LAST = 0.25
"""The last share of the updates, in which experts are no longer revived."""


class Repaired(NamedTuple):
    """What `CompetingExperts.repair` makes of n images."""

    images: Images
    """With the mechanism undone, uint8 (n, h, w, c)."""
    experts: NDArray[np.int64]
    """(n,), the expert that won each image: which mechanism changed it."""
    scores: NDArray[np.float32]
    """(n,), the discriminator's log odds that the repaired image is a canonical one."""


class CompetingExperts(Learner):
    """Experts that learn to undo the mechanisms that changed images, without labels or pairs.

    Parascandolo, Rojas-Carulla, Kilbertus and Schölkopf, "Learning independent causal mechanisms", 2017,
    Algorithm 1. Each image goes through all experts; the one whose output a discriminator D takes most for
    an image of the canonical distribution wins it, and learns from it alone:

        D:    -E log D(x) - E log(1 - D(E_j(x'))),        E_j:  -E log D(E_j(x')) over the images that it won.

    An expert that wins nothing stays as it is, with its moments of Adam and statistics of normalisation.

    Ours, each with the setting that brings the paper's own way:

    - experts begin as copies of one that learnt the identity (`identity`);
    - D learns from the winners and some of the losers (`losers`);
    - D has an output for each expert beside the one that judges the competition. It tells canonical images
      from what the expert made of those it won, and the expert learns from it (`own`): one output for all
      finds little in which ten experts' faults differ from canonical images;
    - an expert that wins more than a fair share has a `handicap`, so that it does not take the images of one
      that does the same to them;
    - the runner-up for an image learns to do it worse, if D scores its output within a `margin` of the
      winner's (`push`): two experts that share a mechanism part, and what one has, the other forgets;
    - every `revive_every` updates a copy of the expert that wins most, weights and moments, replaces one that
      wins next to nothing. In the last quarter an expert is retired instead, so that it wins nothing, if one
      that wins more does the same to its images;
    - learning rates fall to 0 after the first quarter (`decay`), and D's slope has a penalty (`r1`).

    Args:
        shape: (height, width, channels) of the images, at least 8 pixels each way.
        experts: how many.
        width: channels of an expert's convolutions.
        layers: an expert's convolutions, of 3 × 3, at least 2; they must reach as far as mechanisms do.
        norm: "batch" or "none", after them. Scores use each expert's own running statistics.
        discriminator: "table" (Table 1) or "strided", which is faster.
        discriminator_width: channels of its first convolution.
        identity: "shared", "each" (the paper's) or "none".
        identity_steps: the first updates, in which experts learn the identity; ignored if they don't.
        steps: updates of the competition, after these.
        losers: experts whose outputs D learns from beside the winner's, for each image, chosen at random; all
            in the paper.
        own: weight of the losses of D's outputs for single experts, their mean, at least 0. With 0, as in the
            paper, D has one output, from which all experts learn.
        handicap: log odds that an expert loses, in training, for each factor of e by which it wins more than
            a fair share; 0 in the paper.
        push: weight of what the runner-up's log odds lack of being `margin` below the winner's, the mean over
            images times the number of experts; 0 in the paper. It begins after `APART` updates.
        margin: in log odds, above 0.
        revive_every: updates from one revival, or retirement, to the next; 0 for never.
        decay: whether learning rates fall to 0 over the last three quarters of `steps`.
        r1: weight of E |∇D(x)|² / 2 over canonical images (Mescheder et al., 2018), at least 0; D is one of
            its outputs, at random for each image.
        learning_rate: Adam's, of the experts.
        discriminator_rate: Adam's, of D.
        momentum: Adam's β1, of both.

    Raises:
        ValueError: an unknown name, or an argument out of range.
    """

    share: Tensor
    """(experts,), the moving average of the share of images that each expert wins."""
    retired: Tensor
    """(experts,), which experts win nothing, since another does the same."""
    step: Tensor
    """Updates so far."""

    def __init__(
        self,
        *,
        shape: tuple[int, int, int] = (28, 28, 1),
        experts: int = 10,
        width: int = 32,
        layers: int = 5,
        norm: str = "batch",
        discriminator: str = "table",
        discriminator_width: int = 16,
        identity: str = "shared",
        identity_steps: int = 200,
        steps: int = 2000,
        losers: int = 1,
        own: float = 10.0,
        handicap: float = 2.0,
        push: float = 0.3,
        margin: float = 1.0,
        revive_every: int = 100,
        decay: bool = True,
        r1: float = 0.0,
        learning_rate: float = 1e-3,
        discriminator_rate: float = 1e-3,
        momentum: float = 0.9,
    ) -> None:
        super().__init__()
        count(1, experts=experts, width=width, discriminator_width=discriminator_width, steps=steps)
        count(2, layers=layers)
        count(0, identity_steps=identity_steps, losers=losers, revive_every=revive_every)
        one_of("norm", norm, NORMS)
        one_of("discriminator", discriminator, DISCRIMINATORS)
        one_of("identity", identity, IDENTITIES)
        at_least(0, r1=r1, handicap=handicap, push=push, own=own)
        above(0, learning_rate=learning_rate, discriminator_rate=discriminator_rate, margin=margin)
        within(0, 0.999, momentum=momentum)
        self.shape = image_shape(shape, 8)
        self.identity, self.identity_steps = identity, identity_steps if identity != "none" else 0
        self.steps, self.losers, self.revive_every = steps, min(losers, experts - 1), revive_every
        self.decay, self.r1, self.handicap = decay, r1, handicap
        self.push, self.margin = push if experts > 1 else 0.0, margin
        self.own = own if experts > 1 else 0.0
        self.experts = Experts(experts, shape[2], width, layers, norm)
        outputs = 1 + experts if self.own else 1
        self.discriminator = DISCRIMINATORS[discriminator](self.shape, discriminator_width, outputs)
        self.rates = {"experts": learning_rate, "discriminator": discriminator_rate}
        betas = (float(momentum), 0.999)
        self.optimizers = {
            name: torch.optim.Adam(getattr(self, name).parameters(), rate, betas=betas, fused=True)
            for name, rate in self.rates.items()
        }
        self.register_buffer("share", torch.full((experts,), 1 / experts))
        self.register_buffer("retired", torch.zeros(experts, dtype=torch.bool))
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    # Use

    def encode(self, images: Images | Tensor) -> Tensor:
        """Return which expert wins each of uint8 images (n, h, w, c): one-hot, (n, experts)."""
        winners = self._score(self.experts(self._tensor(images))).argmax(0)
        return functional.one_hot(winners, len(self.experts)).float()

    def scores(self, images: Images | Tensor) -> Tensor:
        """Return D's log odds of what each expert makes of uint8 images (n, h, w, c): (n, experts).

        They are -∞ for a retired expert.
        """
        return self._score(self.experts(self._tensor(images))).T

    @torch.no_grad()
    def repair(self, images: Images | Tensor) -> Repaired:
        """Return images with their mechanism undone by the expert that wins, of uint8 (n, h, w, c)."""
        outputs = self.experts(self._tensor(images))
        scores, winners = self._score(outputs).max(0)
        chosen = outputs[winners, torch.arange(len(winners), device=winners.device)]
        return Repaired(as_images(chosen.movedim(1, -1)), winners.numpy(force=True), scores.numpy(force=True))

    @torch.no_grad()
    def undo(self, images: Images | Tensor, expert: int) -> Images:
        """Return what one expert makes of uint8 images (n, h, w, c) of any size."""
        tensor = image_tensor(images, self.share.device)
        return as_images(self.experts.one(expert, tensor).movedim(1, -1))

    def _tensor(self, images: Images | Tensor) -> Tensor:
        return image_tensor(images, self.share.device, self.shape)

    def _score(self, outputs: Tensor) -> Tensor:
        """Return log odds (experts, n) of outputs (experts, n, channels, h, w)."""
        scores: Tensor = self.discriminator(outputs.flatten(0, 1))[:, 0]
        return scores.view(outputs.shape[:2]).masked_fill(self.retired[:, None], -torch.inf)

    # Training

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step: of the identity in the first `identity_steps`, then of the competition.

        Args:
            batch: `observation`, images that mechanisms changed, and `canonical`, images that none did and of
                which none is the original of another: uint8 (n, h, w, c) each.

        Returns:
            `identity`, the squared error of a pixel; in the competition `discriminator`, D's loss, `winners`,
            the mean log odds of the winners, and `idle`, how many experts are idle.
        """
        transformed = self._tensor(batch["observation"])
        step = int(self.step)
        self.step += 1
        if step < self.identity_steps:
            return self._imitate(transformed, last=step + 1 == self.identity_steps)
        self._set_rates(step - self.identity_steps)
        scalars = self._compete(transformed, self._tensor(batch["canonical"]))
        done = step + 1 - self.identity_steps
        if self.revive_every and done % self.revive_every == 0:
            if done < (1 - LAST) * self.steps:
                self._revive()
            else:  # those that are still alike had time to part
                self._retire(transformed)
        return scalars

    def _imitate(self, images: Tensor, last: bool) -> dict[str, float | Tensor]:
        """Do one step of experts towards the identity; at the last, copy the one that learnt to all."""
        learning = range(len(self.experts) if self.identity == "each" else 1)
        errors = [(self.experts.one(j, images) - images).square().mean() for j in learning]
        descend(torch.stack(errors).sum(), self.optimizers["experts"])
        if last:
            self.optimizers["experts"].zero_grad()
            self.optimizers["experts"].state.clear()  # the competition begins without moments
            for j in range(1, len(self.experts) if self.identity == "shared" else 1):
                self._copy(0, j)
        return {"identity": torch.stack(errors).mean().detach()}

    def _set_rates(self, done: int) -> None:
        """Set learning rates: constant in the first quarter, then falling to 0."""
        left = (self.steps - done) / (FALL * self.steps) if self.decay else 1.0
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = self.rates[name] * min(max(left, 0.0), 1.0)

    def _compete(self, transformed: Tensor, canonical: Tensor) -> dict[str, float | Tensor]:
        """Do one step of D, and one of each expert that wins an image."""
        with torch.no_grad():
            outputs = self.experts(transformed)
            raw = self._score(outputs)
            scores, winners = self._handicapped(raw).max(0)
        loss = self._discriminate(canonical, self._fakes(outputs, winners), winners)
        self._learn(transformed, winners, raw)
        return self._count(winners) | {"discriminator": loss, "winners": scores.mean()}

    def _handicapped(self, scores: Tensor) -> Tensor:
        """Return log odds (experts, n), less the handicap of experts that win more than a fair share."""
        return scores - self.handicap * self._fair_share().clamp(min=1).log()[:, None]

    def _count(self, winners: Tensor) -> dict[str, float | Tensor]:
        """Keep the average of shares of wins; return how many experts are idle."""
        wins = functional.one_hot(winners, len(self.experts)).float().mean(0)
        self.share.lerp_(wins, 1 / MEMORY)
        return {"idle": (self._fair_share() < IDLE).sum()}

    def _fakes(self, outputs: Tensor, winners: Tensor) -> Tensor:
        """Return the outputs that D learns from: each image's winner's first, then those of some others."""
        order = torch.rand(outputs.shape[:2], device=outputs.device)
        rows = torch.arange(len(winners), device=winners.device)
        order[winners, rows] = -1.0
        chosen = order.argsort(0)[: 1 + self.losers]
        return outputs[chosen, rows].flatten(0, 1)

    def _discriminate(self, canonical: Tensor, fakes: Tensor, winners: Tensor) -> Tensor:
        """Do one step of D; return the loss of the output that judges the competition.

        Args:
            canonical: (n, channels, h, w).
            fakes: (m, channels, h, w), first what the winners made.
            winners: (up to m,).
        """
        real = canonical.requires_grad_(self.r1 > 0)
        on_real, on_fakes = self.discriminator(torch.cat([real, fakes])).split([len(real), len(fakes)])
        loss = discriminator_loss(on_real[:, 0], on_fakes[:, 0])
        total = loss
        if self.own:
            total = total + self.own * self._own_loss(on_real[:, 1:], on_fakes[: len(winners), 1:], winners)
        if self.r1:
            # One output, at random, for each image.
            some = torch.randint(on_real.shape[1], (len(real), 1), device=real.device)
            (slope,) = torch.autograd.grad(on_real.gather(1, some).sum(), real, create_graph=True)
            total = total + self.r1 * slope.square().flatten(1).sum(1).mean() / 2
        descend(total, self.optimizers["discriminator"])
        return loss.detach()

    def _own_loss(self, real: Tensor, won: Tensor, winners: Tensor) -> Tensor:
        """Return the mean over experts of the loss of each one's own output, if it won an image.

        Args:
            real: log odds (n, experts) of canonical images.
            won: log odds (m, experts) of what the winners made.
            winners: (m,).
        """
        wins = winners.bincount(minlength=real.shape[1])
        on_real = functional.softplus(-real).mean(0)[wins > 0].sum()
        on_won = functional.softplus(won.gather(1, winners[:, None])[:, 0]) / wins[winners]
        return (on_real + on_won.sum()) / real.shape[1]

    def _judged(self, outputs: Tensor, winners: Tensor) -> Tensor:
        """Return the log odds (n,) from which the winners of images learn, of what they made of them."""
        scores: Tensor = self.discriminator(outputs)
        return scores.gather(1, winners[:, None] + 1)[:, 0] if self.own else scores[:, 0]

    def _learn(self, images: Tensor, winners: Tensor, scores: Tensor) -> None:
        """Do one step of each expert on the images that it won, the mean of -log D over them, and push.

        Args:
            images: (n, channels, h, w).
            winners: (n,).
            scores: log odds (experts, n), without handicap.
        """
        judged = self._judged(self.experts.chosen(images, winners), winners)
        loss = (functional.softplus(-judged) / winners.bincount()[winners]).sum()
        if not self.push or int(self.step) - self.identity_steps <= APART:
            return self._step(loss, winners)
        short, pushed = self._short_of_margin(images, winners, scores)
        weight = self.push * len(self.experts) / len(images)
        return self._step(loss + weight * short.sum(), torch.cat([winners, pushed]))

    def _short_of_margin(self, images: Tensor, winners: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Return by how much runners-up are too close to the winner, where they are, and who they are."""
        best = scores.gather(0, winners[None])[0]
        second, others = scores.scatter(0, winners[None], -torch.inf).max(0)
        rows = (best - second < self.margin).nonzero()[:, 0]
        self.experts.eval()  # statistics of normalisation are those of images that an expert won
        outputs = self.experts.chosen(images[rows], others[rows]) if len(rows) else images[rows]
        self.experts.train()
        return (self.discriminator(outputs)[:, 0] - best[rows] + self.margin).relu(), others[rows]

    def _step(self, loss: Tensor, winners: Tensor, *others: nn.Module) -> None:
        """Do one step of the experts that won an image, and of other modules; the rest stays as it is."""
        modules = [*(self.experts.networks[j] for j in torch.unique(winners).tolist()), *others]
        parameters = [parameter for module in modules for parameter in module.parameters()]
        for parameter, slope in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = slope
        self.optimizers["experts"].step()  # Adam passes over what has no gradient
        self.optimizers["experts"].zero_grad()

    # Revival and retirement

    def _fair_share(self) -> Tensor:
        """Return each expert's share of wins in units of a fair one.

        A fair share is that of the expert in the middle, or of equal shares where half of all are idle.
        """
        return self.share / self.share.median().clamp(min=1 / len(self.experts))

    def _revive(self) -> None:
        """Let a copy of the greediest expert replace the idlest, if there are two such."""
        shares = self._fair_share()
        greedy, idle = int(shares.argmax()), int(shares.argmin())
        if shares[greedy] > GREEDY and shares[idle] < IDLE:
            self._copy(greedy, idle)
            self.share[[greedy, idle]] = self.share[greedy] / 2

    @torch.no_grad()
    def _retire(self, images: Tensor) -> None:
        """Retire each expert whose images one that wins more maps to the same, the idlest first."""
        outputs = self.experts(images)
        winners = self._score(outputs).argmax(0)
        order = self.share.argsort().tolist()
        for place, j in enumerate(order):
            own = winners == j
            change = (outputs[j, own] - images[own]).square().sum()
            others = [i for i in order[place + 1 :] if not self.retired[i]]
            differences = [(outputs[i, own] - outputs[j, own]).square().sum() for i in others]
            if own.any() and any(difference < SAME * change for difference in differences):
                self.retired[j] = True

    @torch.no_grad()
    def _copy(self, source: int, target: int) -> None:
        """Replace an expert by a copy of another, whose weights differ a little; moments are the same.

        Its output of D becomes a copy, too.
        """
        networks, state = self.experts.networks, self.optimizers["experts"].state
        for new, old in zip(networks[target].buffers(), networks[source].buffers(), strict=True):
            new.copy_(old)
        for new, old in zip(networks[target].parameters(), networks[source].parameters(), strict=True):
            scale = old.square().mean().sqrt()
            new.copy_(old + DIFFERENCE * scale * torch.randn_like(old))
            state.pop(new, None)
            if old in state:
                state[new] = {key: value.clone() for key, value in state[old].items()}
        if self.own:
            state = self.optimizers["discriminator"].state
            for parameter in self.discriminator[-1].parameters():
                for each in (parameter, *map(state[parameter].get, ("exp_avg", "exp_avg_sq"))):
                    if each is not None:  # there are no moments before the first step
                        each[1 + target] = each[1 + source]
