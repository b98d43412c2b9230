"""Where a training starts: at random weights, or at a net that has learnt from other pictures (fine-tuning)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from densenet.config import DenseNetConfig
from densenet.model.net import DenseNet
from densenet.train.data import ImageSet
from densenet.weights.known import WEIGHTS
from densenet.weights.loading import load, load_file

_FIRST, _HEAD = "features.conv0.weight", "classifier."


def loaded_start(name: str) -> DenseNet:
    """Return the net to start from: one of `densenet.weights.WEIGHTS`, downloaded where it is not here, or one in a file.

    ValueError where there is no such net, ConnectionError where its weights cannot be had.
    """
    if name in WEIGHTS:
        return load(name)
    if not Path(name).is_file():
        raise ValueError(f"the net must be one of {', '.join(WEIGHTS)} or a file of weights, got {name!r:.120}")
    return load_file(name)


def started_config(source: DenseNetConfig, *, channels: int, classes: int, drop_rate: float) -> DenseNetConfig:
    """Return the config of a net that starts from one of `source` and learns from pictures of `channels` channels in `classes` classes."""
    return replace(source, in_channels=channels, num_classes=classes, drop_rate=drop_rate)


def _first_filters(filters: Tensor, channels: int) -> Tensor:
    """Return filters, C' x C x k x k, for pictures of `channels` channels that see in grey pictures what they saw in colour, and in colour
    ones the mean of what they saw in grey."""
    if filters.shape[1] == channels:
        return filters
    return filters.sum(1, keepdim=True).expand(-1, channels, -1, -1) / channels


def _values(values: Sequence[float], channels: int) -> tuple[float, ...]:
    return tuple(values) if len(values) == channels else (sum(values) / len(values),) * channels


def started_net(source: DenseNet, config: DenseNetConfig, classes: Sequence[str], checkpointing: str = "none") -> tuple[DenseNet, str]:
    """Return a net of `config` with all weights of `source`, and a sentence on what is new in it.

    The classifier is new (torch's random draws decide it), unless `source` names the same classes in the same order. `config` comes from
    `started_config`.
    """
    model = DenseNet(config, checkpointing)
    kept = {name: tensor for name, tensor in source.state_dict().items() if not name.startswith(_HEAD)}
    kept[_FIRST] = _first_filters(kept[_FIRST], config.in_channels)
    same = source.weights is not None and source.weights.labels() == tuple(classes) and config.num_classes == len(classes)
    if same:
        kept |= {name: tensor for name, tensor in source.state_dict().items() if name.startswith(_HEAD)}
    with torch.no_grad():
        missing = model.load_state_dict(kept, strict=False).missing_keys
    assert all(name.startswith(_HEAD) for name in missing)
    words = "its classes are the same, so its classifier too is kept" if same else f"its classifier is new, for {len(classes)} classes"
    if source.config.in_channels != config.in_channels:
        words += f"; its first filters are brought from {source.config.in_channels} to {config.in_channels} channels"
    return model, words


def scaled_as(source: DenseNet, data: ImageSet) -> ImageSet:
    """Return `data`, scaled as the net that the training starts from was fed, so that frozen norms see what they know."""
    if source.weights is None:
        return data
    theirs, channels = source.weights.preprocessing, data.images.shape[1]
    mean, std = _values(theirs.mean, channels), _values(theirs.std, channels)
    return replace(data, preprocessing=replace(data.preprocessing, mean=mean, std=std))
