"""Many small networks of one shape, trained in parallel from different initial weights or penalties."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from unknot.checks import above, at_least, count, one_of
from unknot.models.penalties import PENALTIES
from unknot.representation import Trainable, descend

__all__ = ["StackedNetworks"]


class StackedNetworks(Trainable):
    """Fully connected networks with penalised hidden layers, each network with its own weight.

    Linear networks reconstruct by squared error; logistic ones have logistic hidden units and classify two
    classes by cross-entropy. The learning rate falls linearly to 0.

    Args:
        sizes: units of every layer, input and output included.
        weights: λ of each network.
        penalties: the name in `unknot.models.penalties.PENALTIES` of each network's penalty.
        steps: updates over which the learning rate falls.
        logistic: logistic units instead of linear ones.
        learning_rate: Adam's initial rate.

    Raises:
        ValueError: fewer than three layers, an unknown penalty, or another number of penalties than of
            weights.
    """

    def __init__(
        self,
        *,
        sizes: Sequence[int],
        weights: Sequence[float],
        penalties: Sequence[str],
        steps: int,
        logistic: bool = False,
        learning_rate: float = 1e-2,
    ) -> None:
        super().__init__()
        for name, values in (("sizes", sizes), ("weights", weights), ("penalties", penalties)):
            if not isinstance(values, list | tuple) or not values:
                raise ValueError(f"{name} must be a list of at least one, not {values!r}")
        for size in sizes:
            count(1, sizes=size)
        for weight in weights:
            at_least(0, weights=weight)
        count(1, steps=steps)
        above(0, learning_rate=learning_rate)
        if len(sizes) < 3:
            raise ValueError(f"sizes must have a hidden layer at least, not {list(sizes)}")
        if len(weights) != len(penalties):
            raise ValueError(f"penalties must be {len(weights)}, one for each weight, not {len(penalties)}")
        for name in penalties:
            one_of("penalty", name, PENALTIES)
        self.sizes, self.weights, self.penalties = list(sizes), list(weights), list(penalties)
        self.steps, self.logistic, self.learning_rate = steps, logistic, learning_rate
        networks = len(self.weights)
        pairs = list(zip(self.sizes, self.sizes[1:], strict=False))
        scale = [1.0 if logistic else a**-0.5 for a, _ in pairs]
        self.matrices = nn.ParameterList(
            scale[k] * torch.randn(networks, a, b) for k, (a, b) in enumerate(pairs)
        )
        self.biases = nn.ParameterList(torch.zeros(networks, 1, b) for _, b in pairs)
        self.done: Tensor
        self.register_buffer("done", torch.zeros((), dtype=torch.long))
        self.optimizers = {"adam": torch.optim.Adam(self.parameters(), learning_rate, fused=True)}
        self._rows = {
            name: torch.tensor([k for k, each in enumerate(self.penalties) if each == name])
            for name in dict.fromkeys(self.penalties)
        }

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """Return every layer's activations (networks, n, units); the output (logits, if logistic) is last.

        Args:
            inputs: (n, networks, features).
        """
        layers, h = [], inputs.movedim(0, 1)
        for k, (matrix, bias) in enumerate(zip(self.matrices, self.biases, strict=True)):
            h = h @ matrix + bias
            if self.logistic and k < len(self.matrices) - 1:
                h = h.sigmoid()
            layers.append(h)
        return layers

    def last_hidden(self, inputs: Tensor) -> Tensor:
        """Return the last hidden layer's activations (n, networks, units) of (n, networks, features)."""
        activations: Tensor = self(inputs)[-2]
        return activations.movedim(0, 1)

    def errors(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return each network's error (networks,): mean squared, or mean cross-entropy in nats.

        Args:
            inputs: (n, networks, features).
            targets: (n, networks, outputs).
        """
        return self._errors(self(inputs)[-1], targets)

    def _errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        targets = targets.movedim(0, 1)
        if self.logistic:
            return binary_cross_entropy_with_logits(outputs, targets, reduction="none").mean((1, 2))
        return (outputs - targets).square().mean((1, 2))

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step of every network on its loss, error + λ Σ penalty of its hidden layers.

        Args:
            batch: `input` (n, networks, features), `target` (n, networks, outputs).

        Returns:
            `error`, the mean over the networks, and `penalty`, unweighted.
        """
        *hidden, outputs = self(batch["input"])
        errors, penalties = self._errors(outputs, batch["target"]), self._penalties(hidden)
        optimizer = self.optimizers["adam"]
        for group in optimizer.param_groups:
            group["lr"] = self.learning_rate * max(1 - float(self.done) / self.steps, 0.0)
        weights = torch.tensor(self.weights, device=errors.device)
        descend((errors + weights * penalties).sum(), optimizer)
        self.done += 1
        return {"error": errors.detach().mean(), "penalty": penalties.detach().mean()}

    def _penalties(self, hidden: list[Tensor]) -> Tensor:
        penalties = torch.zeros(len(self.weights), device=hidden[0].device)
        for name, rows in self._rows.items():
            each = sum(PENALTIES[name](layer[rows]) for layer in hidden)
            penalties = penalties.index_put((rows.to(penalties.device),), torch.as_tensor(each))
        return penalties
