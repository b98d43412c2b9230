"""Ask a net about every picture of a folder, one batch after the other: memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from densenet.model.net import DenseNet
from densenet.pictures.images import read_image
from densenet.predict import check_photo, input_of, view_of
from densenet.running.affordable import check_affordable
from densenet.running.batching import bounded_batch
from densenet.stopping import Progress, Stop, go_on, tell_nobody

_READERS = 2  # decoding beside the net
_MOST_AT_ONCE = 16


@dataclass(frozen=True)
class Answers:
    """The logits of the pictures that could be read, N x outputs in float32; `read` are their places among those that were asked about.

    `unreadable`: a sentence for each of the others.
    """

    logits: NDArray[np.float32]
    read: NDArray[np.int64]
    unreadable: tuple[str, ...]


def _seen(model: DenseNet, file: Path) -> Tensor | str:
    try:
        photo = read_image(file)
        check_photo(model, photo.width, photo.height)
        return input_of(model, view_of(model, photo))
    except (ValueError, OSError) as error:
        return str(error)


def _parts(count: int, size: int) -> Iterator[range]:
    for start in range(0, count, size):
        yield range(start, min(start + size, count))


def ask_all(model: DenseNet, files: Sequence[Path], *, stop: Stop = go_on, progress: Progress = tell_nobody) -> Answers:
    """Return what `model`, which carries its record, answers for each of `files`.

    `stop`, which may raise, is called before each batch; `progress` is told the pictures that are done and their number. ValueError for
    a net whose pictures are more than its device can afford, or of other than one or three channels.
    """
    assert model.weights is not None
    side, device = model.weights.preprocessing.crop_px, next(model.parameters()).device
    check_affordable(model.config, side, device)
    size = min(_MOST_AT_ONCE, bounded_batch(model.config, side, side, device))
    logits = np.empty((len(files), model.config.num_classes), dtype=np.float32)
    read: list[int] = []
    unreadable: list[str] = []
    with ThreadPoolExecutor(_READERS) as pool:
        coming = None
        for part in [*_parts(len(files), size), range(0)]:
            stop()
            ahead = [pool.submit(partial(_seen, model, files[i])) for i in part]  # decoded while the net looks at those before
            if coming is not None:
                places, waiting = coming
                seen = [(i, one.result()) for i, one in zip(places, waiting, strict=True)]
                unreadable += [one for _, one in seen if isinstance(one, str)]
                batch = [(i, one) for i, one in seen if not isinstance(one, str)]
                if batch:
                    with torch.inference_mode():
                        said = model(torch.cat([one for _, one in batch])).float().cpu().numpy()
                    logits[len(read) : len(read) + len(batch)] = said
                    read += [i for i, _ in batch]
                progress(places.stop, len(files))
            coming = (part, ahead) if part else None
    return Answers(logits[: len(read)], np.array(read, dtype=np.int64), tuple(unreadable))
