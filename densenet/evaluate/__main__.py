"""python -m densenet.evaluate NET FOLDER: how good a net is on a folder of pictures."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from densenet.evaluate.asking import ask_all
from densenet.evaluate.metrics import report_of
from densenet.evaluate.truth import truth_of_csv, truth_of_folders
from densenet.evaluate.writing import write_answers, written
from densenet.files import write_whole
from densenet.train.starting import loaded_start

HELP = """Try a trained net on a folder of pictures.

  python -m densenet.evaluate net.pth my_photos            a folder of classes; its part for the test, where there is one
  python -m densenet.evaluate net.pth films --labels findings.csv
                                                           a table: file, then a column for each label, 1, 0 or blank for unknown

NET is a file of weights, or one of the project's. The report names accuracy, top-5, and for each class precision, recall and area under the
curve with intervals of 95 %, how far probabilities can be believed, and the surest mistakes.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m densenet.evaluate", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("net", metavar="NET", help="a file of weights (its card beside it), or a net of the project")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="of classes, or of the pictures that --labels names")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="a table (CSV) of what is right of each picture")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write every answer")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report")
    return parser


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done:,} of {total:,}", end="\n" if done == total else "", file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status: 2 for bad input, 1 where a file could not be written."""
    told = _parser().parse_args(argv)
    try:
        model = loaded_start(told.net)
        assert model.weights is not None
        labels = model.weights.labels()
        truth = truth_of_csv(told.folder, told.labels, labels) if told.labels else truth_of_folders(told.folder, labels)
        answers = ask_all(model, truth.files, progress=_progress)
        report = report_of(model, truth, answers)
    except (ValueError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    for sentence in (*model.weights.assumptions, *truth.said, *answers.unreadable[:5]):
        print(sentence)
    if len(answers.unreadable) > 5:
        print(f"{len(answers.unreadable)} pictures could not be read.")
    print(written(report, labels, truth.files))
    try:
        if told.csv:
            write_whole(told.csv, lambda file: write_answers(file, model, truth, answers, told.folder.resolve()))
        if told.json:
            write_whole(told.json, lambda file: file.write(json.dumps(asdict(report), indent=1).encode()))
    except OSError as error:
        print(f"Not written: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    with suppress(OSError, AttributeError):  # others on this machine go first
        os.nice(10)
    sys.exit(main())
