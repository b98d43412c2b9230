"""Cross-validate a densely connected MLP on a CSV file from the command line, and print its log-RMSE."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

from densenet.dense_mlp.cross_validation import TUTORIAL_RECIPE, Recipe, cross_validate
from densenet.dense_mlp.mlp import SMALL, TUTORIAL, DenseMLP
from densenet.dense_mlp.table import read_table


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m densenet.dense_mlp",
        description="Cross-validate a densely connected MLP on a table whose target is above 0; the last line is the mean log-RMSE.",
    )
    parser.add_argument("--csv", metavar="FILE", type=Path, required=True, help="the table, with a header line")
    parser.add_argument("--target", metavar="COLUMN", required=True, help="the column to predict")
    parser.add_argument("--folds", metavar="N", type=int, default=5, help="folds of shuffled rows (default: 5)")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the shuffling, the nets and their batches (default: 0)")
    parser.add_argument(
        "--recipe",
        choices=("default", "tutorial"),
        default="default",
        help="tutorial: tutorial A's net, learning rate 0.05, 10 epochs, batch 64; the optimizer, which it does not name, Adam",
    )
    parser.add_argument("--epochs", metavar="N", type=int, help="instead of the recipe's")
    parser.add_argument("--batch-size", metavar="N", type=int, help="instead of the recipe's")
    parser.add_argument("--learning-rate", metavar="NUMBER", type=float, help="instead of the recipe's")
    parser.add_argument("--nets", metavar="N", type=int, help="nets in each fold, whose mean is the prediction, instead of the recipe's")
    parser.add_argument("--growth-rate", metavar="N", type=int, help="instead of the net's")
    parser.add_argument(
        "--blocks", metavar="N", type=int, nargs="+", dest="block_config", help="layers of each dense block, instead of the net's"
    )
    return parser.parse_args(argv)


def _given(arguments: argparse.Namespace, *fields: str) -> dict[str, object]:
    return {field: value for field in fields if (value := getattr(arguments, field)) is not None}


def main(argv: list[str] | None = None) -> int:
    """Print a line for each fold, then `train 0.xxxx valid 0.xxxx`, means over the folds; return the exit code, 2 for bad input."""
    arguments = _arguments(argv)
    torch.set_num_threads(1)  # such nets gain nothing from more, and sums that are cut alike give the same figures everywhere
    recipe, config = (TUTORIAL_RECIPE, TUTORIAL) if arguments.recipe == "tutorial" else (Recipe(), SMALL)
    try:
        recipe = replace(recipe, **_given(arguments, "epochs", "batch_size", "learning_rate", "nets"))  # type: ignore[arg-type]
        config = replace(config, **_given(arguments, "growth_rate", "block_config"))  # type: ignore[arg-type]
        table = read_table(arguments.csv, arguments.target)
        rows, columns = table.features.shape
        reasons = "".join(f"; without {name} ({reason})" for name, reason in table.left_out.items())
        print(f"{rows} rows, {columns} features{reasons}", flush=True)
        scores = []
        for fold in cross_validate(table, lambda n: DenseMLP(replace(config, in_features=n)), recipe, arguments.folds, arguments.seed):
            scores.append(fold)
            print(f"fold {len(scores)} of {arguments.folds}: train {fold.train:.4f} valid {fold.valid:.4f}", flush=True)
    except (ValueError, OSError) as error:
        print(f"python -m densenet.dense_mlp: {error}", file=sys.stderr)
        return 2
    train, valid = (sum(values) / len(scores) for values in zip(*scores, strict=True))
    print(f"train {train:.4f} valid {valid:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
