"""What the outputs of a net mean: classes that exclude each other, labels that do not, or plain numbers. One function for all that asks."""

from __future__ import annotations

import math
from typing import TypeAlias

import torch
from torch import Tensor

from densenet.model.net import DenseNet

Points: TypeAlias = tuple[float | None, ...]  # operating points of labels, None for one that was never trained


def activation_of(model: DenseNet) -> str:
    """Return what the outputs of `model` mean, one of `densenet.record.ACTIVATIONS`: as its record says, else by their number."""
    if model.weights is not None:
        return model.weights.activation
    return "sigmoid" if model.config.num_classes == 1 else "softmax"


def points_of(model: DenseNet) -> tuple[float | None, ...]:
    """Return the operating points of the labels of `model`, empty where it has none."""
    return model.weights.operating_points if model.weights is not None else ()


def trained(logits: Tensor, points: Points) -> Tensor:
    """Return which outputs were ever trained, as a mask of the classes: all, but labels that have no operating point among such that do."""
    return torch.tensor([point is not None for point in points] or [True] * logits.shape[-1], device=logits.device)


def shares(logits: Tensor, activation: str, temperature: float = 1.0, points: Points = ()) -> Tensor:
    """Return the probabilities, ... x classes, of `logits` of that shape at a temperature; for "none" the numbers themselves.

    "softmax": exp(z_i / T) / sum_j exp(z_j / T), of classes of which one is right. "sigmoid": p_i = 1 / (1 + exp(-z_i / T)), each by
    itself; with operating points t_i as TorchXRayVision shows them, so that 0.5 decides: p_i / 2 t_i below t_i, 1 - (1 - p_i) / 2 (1 - t_i)
    above, and 0.5 for a label that was never trained.
    """
    if activation == "none":
        return logits
    if activation == "softmax":
        return (logits / temperature).softmax(-1)
    plain = (logits / temperature).sigmoid()
    if not points:
        return plain
    at = torch.tensor([math.nan if point is None else point for point in points], dtype=plain.dtype, device=plain.device)
    return torch.where(plain < at, plain / (2 * at), 1 - (1 - plain) / (2 * (1 - at))).nan_to_num(0.5)


def shares_of(model: DenseNet, logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Return `shares` of logits that `model` gave, by what its record says of them."""
    return shares(logits, activation_of(model), temperature, points_of(model))


def check_has_probabilities(model: DenseNet) -> None:
    """Raise ValueError for a net that answers with numbers, of which nothing can be more or less probable."""
    if activation_of(model) == "none":
        raise ValueError("This net answers with numbers, not with probabilities, so there is none that could rise or fall.")
