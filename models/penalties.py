r"""Penalties on activations, for any layer of any model.

Kågebäck and Mogren, "Disentanglement by penalizing correlation", 2017, section 2, and the L1 norm as their
baseline.

```
@inproceedings{kageback2017disentanglement,
  title={Disentanglement by Penalizing Correlation},
  author={K{\aa}geb{\"a}ck, Mikael and Mogren, Olof},
  booktitle={NIPS Workshop on Learning Disentangled Representations}, year={2017}}
```
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from unknot.checks import one_of

__all__ = ["PENALTIES", "LayerPenalty", "covariance_penalty", "l1_penalty"]


def covariance_penalty(activations: Tensor) -> Tensor:
    """Return L_Σ = ‖C‖₁ / p², C the sample covariance of the p dimensions, variances included.

    Args:
        activations: (..., n, p), n at least 2; leading axes are independent, such as models.

    Raises:
        ValueError: fewer than two rows.
    """
    n, p = activations.shape[-2:]
    if n < 2:
        raise ValueError(f"activations must have at least 2 rows, not {n}")
    centred = activations - activations.mean(-2, keepdim=True)
    covariance = centred.transpose(-1, -2) @ centred / (n - 1)
    return covariance.abs().sum((-1, -2)) / p**2


def l1_penalty(activations: Tensor) -> Tensor:
    """Return the mean absolute activation of (..., n, p)."""
    return activations.abs().mean((-1, -2))


PENALTIES: dict[str, Callable[[Tensor], Tensor]] = {"covariance": covariance_penalty, "l1": l1_penalty}
"""Penalties by name."""


class LayerPenalty:
    """The total penalty of layers' activations in the model's last forward pass.

    The model does not change: add λ times `penalty()` to its loss. If a layer is applied several times, the
    last time counts. A deep copy of the model needs its own penalty.

    Args:
        layers: modules with outputs (n, ...), which are flattened after the first axis.
        penalty: a name in `PENALTIES`.

    Raises:
        ValueError: no layers, or an unknown penalty.
    """

    def __init__(self, layers: Iterable[nn.Module], penalty: str = "covariance") -> None:
        one_of("penalty", penalty, PENALTIES)
        self._penalty = PENALTIES[penalty]
        self._seen: dict[int, Tensor] = {}
        self._hooks = [layer.register_forward_hook(self._keep(k)) for k, layer in enumerate(layers)]
        if not self._hooks:
            raise ValueError("layers must be at least one, not none")

    def __call__(self) -> Tensor:
        """Return the sum over the layers, a scalar.

        Raises:
            RuntimeError: a layer has not been applied since the last call.
        """
        if len(self._seen) < len(self._hooks):
            raise RuntimeError("a penalised layer was not part of the last forward pass")
        total = torch.stack([self._penalty(activations) for activations in self._seen.values()]).sum()
        self._seen.clear()
        return total

    def remove(self) -> None:
        """Remove the hooks from the layers."""
        for hook in self._hooks:
            hook.remove()

    def _keep(self, index: int) -> Callable[..., None]:
        def keep(_: nn.Module, inputs: Any, output: Tensor) -> None:
            self._seen[index] = output.flatten(1)

        return keep
