"""Reading tensors beside other threads; what is read of strangers' files is in `test_net_files`."""

from __future__ import annotations

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from densenet.weights.tensor_files import read_tensors


@pytest.mark.parametrize("new_format", [True, False], ids=["zip", "old format"])
def test_threads_leave_the_warnings_of_the_process_alone(new_format: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, before = tmp_path / "net.pth", list(warnings.filters)
    torch.save({"conv0.weight": torch.ones(2)}, path, _use_new_zipfile_serialization=new_format)
    inside, all_inside = [], threading.Barrier(8)
    original = torch.load

    def watched(*args: object, **options: object) -> object:
        inside.append(list(warnings.filters))
        all_inside.wait()
        return original(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(torch, "load", watched)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(read_tensors, [path] * 64))
    assert all(torch.equal(file.tensors["conv0.weight"], torch.ones(2)) for file in found)
    assert len(inside) == 64
    assert all(filters == before for filters in inside)
    assert warnings.filters == before
