"""Find anew what a card says of a net, from the pictures that it was trained, chosen and tested on, and write it into the card.

python -m tests.benchmarks.restate net.pth DATA --held-out N [--data-folder DIR]

DATA is what the trainer was given: a folder with train/ and test/, or a data set's name; N as many pictures as it held out. Accuracy (all,
of each class), calibration, and where the features of the training pictures lie (`densenet.train.finishing`) replace what the card beside
the net says of them; all else stays.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from densenet.train.data import hold_out
from densenet.train.finishing import findings_of
from densenet.train.sources import load_split
from densenet.weights.composing import write_card
from densenet.weights.findings import statistics_entry
from densenet.weights.loading import load_file

_SPLIT_SEED = 0  # the trainer's


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", type=Path)
    parser.add_argument("data")
    parser.add_argument("--held-out", type=int, required=True)
    parser.add_argument("--data-folder")
    asked = parser.parse_args()
    path = asked.net.with_suffix(".json")
    model = load_file(asked.net)
    assert model.weights is not None
    scaling = model.weights.preprocessing
    data, test = load_split(asked.data, scaling.crop_px, folder=asked.data_folder)
    if test is None or tuple(name.replace("_", " ") for name in data.classes) != tuple(n.replace("_", " ") for n in model.weights.labels()):
        raise SystemExit(f"{asked.data} must have pictures for the test, and the classes of the net")
    train, valid = hold_out(data, asked.held_out, _SPLIT_SEED)
    found, card = findings_of(model, train, valid, test, scaling), json.loads(path.read_text())
    on = card.get("accuracy", {}).get("on", "")
    card["accuracy"] = {**found.accuracy, **({"on": on} if "test" in on else {})}
    card["accuracy_by_class"] = {name: round(share, 4) for name, share in zip(model.weights.labels(), found.by_class.values(), strict=True)}
    if found.calibration is not None:
        card["calibration"] = found.calibration
    if found.familiar is not None:
        card["training_features"] = statistics_entry(found.familiar)
    write_card(path, card)
    print(json.dumps({key: card.get(key) for key in ("accuracy", "accuracy_by_class", "calibration")}, indent=1))


if __name__ == "__main__":
    main()
