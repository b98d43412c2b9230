"""What was found out about a trained net, as its card states it: accuracy, operating points, calibration, where its features lie."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from densenet.checks import checked_integer, checked_number
from densenet.record import TEMPERATURE_RANGE, Calibrated, FeatureStatistics

_MOST_AXES = 128
_METHOD = (
    "Mahalanobis distance from the nearest class mean, of means and deviations over positions of the last block's channels, each half of "
    "length 1 (arXiv 1807.03888, 1912.12510, 2505.18032), times exp(energy_slope x -log sum exp(logits))"
)


def accuracy_on(said: object) -> tuple[float | None, float | None, str]:
    """Return top-1 and top-5 in percent, and on what they were measured."""
    if not isinstance(said, dict):
        raise ValueError("its card's accuracy must be a JSON object")
    percents: list[float | None] = []
    for field in ("top1", "top5"):
        share = said.get(field)
        number = None if share is None else checked_number(f"its card's accuracy {field}", share, 0, 1)
        percents.append(None if number is None else 100 * number)
    on = said.get("on", "")
    if not isinstance(on, str) or (not on and percents != [None, None]):
        raise ValueError("its card's accuracy must say in `on` what it was measured on")
    return percents[0], percents[1], on


def points_on(said: object, activation: str, num_classes: int) -> tuple[float | None, ...]:
    """Return the operating points of labels, None for one that was never trained; ValueError for points that are none."""
    if said is None:
        return ()
    if activation != "sigmoid" or not isinstance(said, list) or len(said) != num_classes:
        raise ValueError(f"its card's operating_points must be {num_classes} numbers or null, of labels that are independent")
    return tuple(
        None if point is None else checked_number(f"its card's operating_points[{i}]", point, 0, 1, above=True, below=True)
        for i, point in enumerate(said)
    )


def calibration_entry(found: Calibrated, on: str) -> dict[str, object]:
    """Return a card's calibration; `on` says in words which pictures the errors are of."""
    return {**{name: round(value, 6) for name, value in found._asdict().items()}, "on": on}


def calibrated_on(said: object) -> Calibrated | None:
    """Return what a card says of calibration, None where it says nothing; ValueError for what is none."""
    if said is None:
        return None
    if not isinstance(said, dict):
        raise ValueError("its card's calibration must be a JSON object")
    limits = {"temperature": TEMPERATURE_RANGE, "error": (0.0, 1.0), "error_before": (0.0, 1.0)}
    return Calibrated(**{name: checked_number(f"its card's calibration {name}", said.get(name), *ends) for name, ends in limits.items()})


def statistics_entry(found: FeatureStatistics) -> dict[str, object]:
    """Return a card's `training_features`: numbers as they are, arrays in base64."""
    packed = {name: base64.b64encode(getattr(found, name)).decode("ascii") for name in ("centre", "axes", "means")}
    numbers = {"deviations": list(found.deviations), "rest": found.rest, "energy_slope": found.energy_slope}
    held_out = {str(percent): value for percent, value in zip(found.PERCENTS, found.quantiles, strict=True)}
    return {"method": _METHOD, "features": found.features, **numbers, "held_out": held_out, **packed}


def _bytes(said: Mapping[str, object], name: str) -> bytes:
    text = said.get(name)
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (ValueError, binascii.Error):
        return b""


def statistics_on(said: object) -> FeatureStatistics | None:
    """Return where a card says that the training pictures' features lie, None where it says nothing; ValueError for what is none."""
    if said is None:
        return None
    field = "its card's training_features"
    if not isinstance(said, dict):
        raise ValueError(f"{field} must be a JSON object")
    features = checked_integer(f"{field} features", said.get("features"), (1, 10**6))
    deviations, held_out = said.get("deviations"), said.get("held_out")
    if not isinstance(deviations, list) or not 1 <= len(deviations) <= _MOST_AXES or not isinstance(held_out, dict):
        raise ValueError(f"{field} must have 1 to {_MOST_AXES} deviations, and held_out")
    found = FeatureStatistics(
        features=features,
        centre=_bytes(said, "centre"),
        axes=_bytes(said, "axes"),
        deviations=tuple(checked_number(f"{field} deviations[{i}]", one, 0, 1e6, above=True) for i, one in enumerate(deviations)),
        means=_bytes(said, "means"),
        rest=checked_number(f"{field} rest", said.get("rest"), 0, 1e6, above=True),
        energy_slope=checked_number(f"{field} energy_slope", said.get("energy_slope"), 0, 1e3),
        quantiles=tuple(
            checked_number(f"{field} held_out[{percent}]", held_out.get(str(percent)), 0, 1e9, above=True)
            for percent in FeatureStatistics.PERCENTS
        ),
    )
    axes = len(deviations)
    if (len(found.centre), len(found.axes)) != (2 * features, features * axes) or not found.means or len(found.means) % (2 * axes):
        raise ValueError(f"{field} must hold {features} numbers for the centre and each of {axes} axes, and means of classes")
    return found
