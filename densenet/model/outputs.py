"""What the outputs of a net mean: classes that exclude each other, labels that do not, or plain numbers. One function for all that asks."""

from __future__ import annotations

from torch import Tensor

from densenet.model.net import DenseNet


def activation_of(model: DenseNet) -> str:
    """Return what the outputs of `model` mean, one of `densenet.record.ACTIVATIONS`: as its record says, else by their number."""
    if model.weights is not None:
        return model.weights.activation
    return "sigmoid" if model.config.num_classes == 1 else "softmax"


def shares(logits: Tensor, activation: str, temperature: float = 1.0) -> Tensor:
    """Return the probabilities, ... x classes, of `logits` of that shape at a temperature; for "none" the numbers themselves.

    "softmax": exp(z_i / T) / sum_j exp(z_j / T), of classes of which one is right. "sigmoid": 1 / (1 + exp(-z_i / T)), each by itself.
    """
    if activation == "none":
        return logits
    return (logits / temperature).sigmoid() if activation == "sigmoid" else (logits / temperature).softmax(-1)


def check_has_probabilities(model: DenseNet) -> None:
    """Raise ValueError for a net that answers with numbers, of which nothing can be more or less probable."""
    if activation_of(model) == "none":
        raise ValueError("This net answers with numbers, not with probabilities, so there is none that could rise or fall.")
