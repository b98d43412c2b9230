"""A net on a whole folder of pictures, or on a zip of one: what is found, and the files that are left of it."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gradio.utils import get_upload_folder
from PIL import Image

from densenet.checks import show_value
from densenet.files import write_whole
from densenet.pictures.images import read_image
from densenet.pictures.zips import unpack
from densenet.stopping import Stop

if TYPE_CHECKING:
    from densenet.evaluate import Report
    from densenet.model.net import DenseNet

_THUMBNAIL_PX = 96
_importing = threading.Lock()  # nobody else needs the metrics, so no other page waits for them (`explorer.work.background`)


@dataclass(frozen=True)
class Failure:
    """One of the surest mistakes: what is shown of it, and a copy of its file, which the visitor can open."""

    file: str
    right: str
    answer: str
    probability: float
    picture: Image.Image
    copy: Path


@dataclass(frozen=True)
class Trial:
    """What came of it: the report, sentences on what was left out, the mistakes, and every answer as a table (CSV)."""

    report: Report
    said: tuple[str, ...]
    failures: tuple[Failure, ...]
    table: Path


Tell = Callable[[tuple[str, int, int]], None]  # what is done, how much of it, of how much


@contextmanager
def _pictures(folder: str, zipped: Path | None, tell: Tell, stop: Stop) -> Iterator[Path]:
    """Give the folder of pictures, a zip unpacked into one that is removed afterwards."""
    if zipped is None:
        place = os.path.abspath(folder)
        if not folder or not os.path.isdir(place):
            raise ValueError(
                f"There is no folder {show_value(folder)} on this machine." if folder else "Name a folder, or bring a zip of one."
            )
        yield Path(place)
        return
    with tempfile.TemporaryDirectory(prefix="densenet-trial-") as outer:
        yield unpack(zipped, Path(outer) / "pictures", progress=lambda done, total: tell(("unpacked", done, total)), stop=stop)


def run_trial(model: DenseNet, folder: str, zipped: Path | None, labels: Path | None, tell: Tell, stop: Stop) -> Trial:
    """Ask `model` about all pictures of a folder on this machine or of a zip; `labels` is a table of what is right (CSV).

    ValueError says what is wrong with them; `stop` may raise. What is left lies in Gradio's folder of uploads, which is emptied in time.
    """
    with _importing:
        from densenet.evaluate import ask_all, report_of, truth_of_csv, truth_of_folders, write_answers

    assert model.weights is not None
    names = model.weights.labels()
    with _pictures(folder, zipped, tell, stop) as place:
        truth = truth_of_csv(place, labels, names) if labels is not None else truth_of_folders(place, names)
        answers = ask_all(model, truth.files, stop=stop, progress=lambda done, total: tell(("pictures", done, total)))
        report = report_of(model, truth, answers)
        left = Path(get_upload_folder()) / secrets.token_hex(16)
        left.mkdir(parents=True)
        failures = []
        for number, one in enumerate(report.mistakes):
            file = truth.files[one.place]
            picture = read_image(file)
            picture.thumbnail((_THUMBNAIL_PX, _THUMBNAIL_PX))
            copy = left / f"{number}{file.suffix.lower()}"
            shutil.copyfile(file, copy)
            failures.append(Failure(file.name, names[one.label], names[one.predicted], one.probability, picture, copy))
        write_whole(left / "answers.csv", lambda table: write_answers(table, model, truth, answers, place))
    few = answers.unreadable[:2]
    rest = (f"{len(answers.unreadable)} pictures could not be read.",) if len(answers.unreadable) > len(few) else ()
    return Trial(report, (*truth.said, *few, *rest), tuple(failures), left / "answers.csv")
