r"""Penalties on what a layer puts out, for any layer of any model.

Kågebäck and Mogren, "Disentanglement by penalizing correlation", 2017, section 2, and the L1 norm that they
compare with.

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
    """Return L_Σ = ‖C‖₁ / p², C the sample covariance of the p dimensions; variances count as well.

    Args:
        activations: (..., n, p), n at least 2; leading axes are other layers or models.

    Raises:
        ValueError: fewer than two rows, which have no covariance.
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
    """Adds up the penalty of layers' activations, as the model's last forward pass left them.

    The model stays as it is: its loss is its own plus λ times `penalty()`. Of a layer that is passed more
    than once the last pass counts. A deep copy of the model is not watched: it wants a penalty of its own.

    Args:
        layers: modules that put out (n, ...); what follows the first axis is flattened.
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
            RuntimeError: a layer has not been passed since the last call.
        """
        if len(self._seen) < len(self._hooks):
            raise RuntimeError("a penalised layer was not part of the last forward pass")
        total = torch.stack([self._penalty(activations) for activations in self._seen.values()]).sum()
        self._seen.clear()
        return total

    def remove(self) -> None:
        """Leave the layers as they were."""
        for hook in self._hooks:
            hook.remove()

    def _keep(self, index: int) -> Callable[..., None]:
        def keep(_: nn.Module, inputs: Any, output: Tensor) -> None:
            self._seen[index] = output.flatten(1)

        return keep
