"""A small network as plain arrays, and its gradient in the same form."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Layer:
    """A dense layer, or its gradient.

    Attributes:
        weights: shape (outputs, inputs).
        bias: shape (outputs,).
    """

    weights: Floats
    bias: Floats


@dataclass(frozen=True, slots=True)
class ClippedNetwork:
    """A clipped gradient sum, ready for noise.

    Attributes:
        layers: one per layer, float64.
        items: gradient of the item vectors, shape (items, width), or None.
        item_bias: gradient of the item biases, shape (items,), or None.
        rejected: rows left out because they, or what the network made of them, were not finite; stays at the site.
    """

    layers: tuple[Layer, ...]
    items: Floats | None
    item_bias: Floats | None
    rejected: int

    def flat(self) -> npt.NDArray[np.float64]:
        """Everything as one vector: layers in order (weights, then bias), item vectors, item biases."""
        parts = [part.ravel() for layer in self.layers for part in (layer.weights, layer.bias)]
        parts += [part.ravel() for part in (self.items, self.item_bias) if part is not None]
        return np.concatenate(parts).astype(np.float64, copy=False)
