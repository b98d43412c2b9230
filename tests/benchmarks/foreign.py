"""How often a net says that a photo is foreign to it: of pictures like those that it learnt from, and of photos of other things.

python -m tests.benchmarks.foreign NET --known DIR ... --other DIR ... [--but NAME,NAME] [--each]

NET is one of the project's, or a file whose card says where the features of its training pictures lie. Each DIR is searched for pictures;
`--but` leaves out folders of these names. A row each: how many, the share that is called foreign (95 % interval, Wilson's), the share that
a probability below one half would have flagged, and how sure the net is of those on the mean. `--each`: a line for every picture.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from densenet.evaluate.metrics import share_of
from densenet.model.net import DenseNet
from densenet.pictures.images import read_image
from densenet.predict import Seen, input_of, seen_by, view_of
from densenet.train.folders import pictures_in
from densenet.weights.known import WEIGHTS
from densenet.weights.loading import load, load_file


def _seen(model: DenseNet, file: Path) -> Seen:
    return seen_by(model, input_of(model, view_of(model, read_image(file))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net")
    parser.add_argument("--known", type=Path, nargs="*", default=[])
    parser.add_argument("--other", type=Path, nargs="*", default=[])
    parser.add_argument("--but", default="", help="folders' names, with commas between")
    parser.add_argument("--each", action="store_true")
    asked = parser.parse_args()
    model = load(asked.net) if asked.net in WEIGHTS else load_file(asked.net)
    assert model.weights is not None
    labels = model.weights.labels()
    print(f"{'pictures':<44}{'number':>7}{'foreign':>9}  {'95 % interval':<16}{'below 0.5':>10}{'mean top-1':>12}")
    for kind, folders in (("known", asked.known), ("other", asked.other)):
        for folder in folders:
            files = [file for file in pictures_in(folder) if not set(file.relative_to(folder).parts) & set(asked.but.split(","))]
            seen = [_seen(model, file) for file in files]
            top = torch.stack([one.logits.softmax(0).max() for one in seen])
            if asked.each:
                for file, one in sorted(zip(files, seen, strict=True), key=lambda pair: -(pair[1].novelty or 0)):
                    best, how = labels[int(one.logits.argmax())], float(one.logits.softmax(0).max())
                    print(f"  {one.novelty:6.2f}  {best:<22}{how:.2f}  {file.name}")
            share = share_of(sum(one.foreign for one in seen), len(seen))
            interval = f"{share.low:.0%} to {share.high:.0%}"
            name = f"{kind}: {'/'.join(folder.parts[-2:])}"
            unsure, sure = float((top < 0.5).double().mean()), float(top.mean())
            print(f"{name:<44.44}{len(seen):>7}{share.value:>9.1%}  {interval:<16}{unsure:>10.1%}{sure:>12.2f}", flush=True)


if __name__ == "__main__":
    main()
