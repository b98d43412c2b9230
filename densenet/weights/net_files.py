"""From a file of tensors to a net with its record, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor

from densenet.config import DenseNetConfig
from densenet.files import sha256_of
from densenet.model.familiarity import check_statistics
from densenet.model.net import DenseNet
from densenet.record import Weights
from densenet.weights.adapting import with_new_last, without_biases
from densenet.weights.cards import Card, config_on, parse_card, record_of
from densenet.weights.composing import write_card
from densenet.weights.families import POINTS
from densenet.weights.reading import Reading, reading_of
from densenet.weights.recognition import config_of, misfits
from densenet.weights.tensor_files import as_plain_float32, read_tensors, write_tensors

_IN_HEADER = "densenet_card"  # the key of a card in the header of a safetensors file
_UNKNOWN_LICENCE = "unknown: brought by the visitor"


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _net(config: DenseNetConfig, tensors: Mapping[str, Tensor]) -> DenseNet:
    """Return the net of `config` with these values, eval and frozen; ValueError names the tensors that are not its own."""
    with torch.device("meta"):
        model = DenseNet(config)
    expected = model.state_dict()
    problem = misfits(_shapes(expected), _shapes(tensors))
    if problem:
        raise ValueError(problem)
    counters = {name: torch.tensor(0) for name in expected if name not in tensors}
    model.load_state_dict(as_plain_float32(tensors) | counters, assign=True)
    return model.eval().requires_grad_(False)


def _fitted(config: DenseNetConfig, tensors: dict[str, Tensor], *, new_first: bool) -> dict[str, Tensor]:
    """Return another family's tensors as a net of `config` takes them, where they have the shapes of one; else as they are."""
    with torch.device("meta"):
        expected = _shapes(DenseNet(config).state_dict())
    if "classifier.bias" not in tensors and "classifier.weight" in tensors:  # a head without one adds nothing
        tensors = tensors | {"classifier.bias": torch.zeros(config.num_classes)}
    weights = {name: f"{name.removesuffix('bias')}weight" for name in tensors.keys() - expected.keys() if name.endswith(".bias")}
    biases = {name for name, weight in weights.items() if tuple(tensors[name].shape) == expected.get(weight, ())[:1] != ()}
    if misfits(expected, _shapes({name: tensor for name, tensor in tensors.items() if name not in biases})):
        return tensors  # what is wrong is said there
    if new_first:
        tensors = with_new_last(config, tensors)
    return without_biases(config, as_plain_float32(tensors)) if biases else tensors


def _points_in(stored: Mapping[str, Tensor], reading: Reading) -> list[float | None] | None:
    """Return the operating points that a file of some families holds: None within for a label without one, which was never trained."""
    found = [tensor for name, tensor in stored.items() if name in reading.left_out and name.endswith(POINTS)]
    if len(found) != 1 or found[0].ndim != 1 or not found[0].is_floating_point():
        return None
    values = found[0].tolist()
    return [value if 0 < value < 1 else None for value in values]


def _params(model: DenseNet) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def read_known_net(path: Path, record: Weights) -> DenseNet:
    """Return the net of `record`, whose file lies at `path`; ValueError with a clause that says why it is not in there."""
    stored = read_tensors(path).tensors
    model = _net(record.config, {new: stored[name] for name, new in reading_of(_shapes(stored)).names.items()})
    model.weights = record
    return model


def read_net(path: Path, sha256: str, card_content: bytes | None, said: Card) -> DenseNet:
    """Return the net in a file that somebody brought, its record made of its card, of its tensors, and of assumptions that it names.

    `card_content` None: the card is in the file's header, or nowhere; `said` counts more than it. ValueError with a clause that says what
    is wrong.
    """
    stored, header, classes = read_tensors(path)
    reading = reading_of(_shapes(stored))
    tensors = {new: stored[name] for name, new in reading.names.items()}
    card = parse_card(header.get(_IN_HEADER, "{}") if card_content is None else card_content)
    stated = config_on(card | dict(said))
    config, assumptions = (stated, ()) if stated is not None else config_of(_shapes(tensors))
    model = _net(config, _fitted(config, tensors, new_first=reading.family.new_first))
    record = record_of(
        card,
        config,
        name=path.stem,
        params=_params(model),
        sha256=sha256,
        source=f"brought by the visitor: {path.name}",
        licence=_UNKNOWN_LICENCE,
        family=reading.family,
        of_file=classes,
        said=said,
        points=_points_in(stored, reading),
    )
    if record.familiar is not None:
        check_statistics(record.familiar, model)
    model.weights = replace(record, assumptions=(*reading.sentences, *assumptions, *record.assumptions))
    return model


def round_to_float16(model: DenseNet) -> DenseNet:
    """Round `model`'s convolutions and classifier to float16 in place, still float32 in memory; norms keep every digit.

    Evaluate it after this: what a card claims is to be true of the file that `save_net` writes with `half`.
    """
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.copy_(parameter.half())
    return model


def _halves(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what `round_to_float16` rounded in two bytes a number; ValueError for numbers that float16 does not reach, or not exactly."""
    halves = {name: tensor.half() if tensor.ndim > 1 else tensor for name, tensor in tensors.items()}
    for name, tensor in halves.items():
        if not torch.equal(tensor.to(tensors[name].dtype), tensors[name]):
            raise ValueError(
                f"{name} must hold float16's numbers to be stored as such: use round_to_float16 first, and evaluate the net after it"
            )
    return halves


def save_net(model: DenseNet, path: Path, card: Card, *, half: bool = False) -> Card:
    """Write a net as .safetensors, .pth or .pt with its card beside it (`densenet.weights.cards`), for `load_file`; return the card as
    written.

    `card` brings classes, preprocessing, claims and licence; the file's name and hash, config and count are added here. A safetensors file
    carries its card in the header too. `half` stores a net that `round_to_float16` has rounded in two bytes a weight. ValueError, and
    nothing is written, for a card that does not fit the net, a net that was not rounded, or another suffix; OSError for a full disk.
    """
    own: dict[str, object] = {"config": asdict(model.config), "parameters": _params(model)}
    inside = {key: value for key, value in card.items() if key not in ("file", "sha256")} | own  # a file cannot hold its own hash
    inside = dict(parse_card(json.dumps(inside)))
    record_of(inside, model.config, name=path.stem, params=_params(model), sha256="", source="", licence=_UNKNOWN_LICENCE)
    state = model.state_dict()
    write_tensors(path, _halves(state) if half else state, {_IN_HEADER: json.dumps(inside)})
    beside = {"file": path.name, "sha256": sha256_of(path), **inside}
    write_card(path.with_suffix(".json"), beside)
    return beside
