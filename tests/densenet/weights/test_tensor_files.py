"""The limits of what is read; the files of strangers are in `test_net_files`."""

from __future__ import annotations

import io
import itertools
import pickle
import pickletools
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from densenet.weights.tensor_files import as_plain_float32, check_size, read_tensors


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


def test_a_new_file_is_mapped_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old one cannot be: it is read, and no more memory is asked for than it has."""
    asked: list[object] = []
    original = torch.load
    monkeypatch.setattr(torch, "load", lambda *args, **options: asked.append(options["mmap"]) or original(*args, **options))
    for new_format in (True, False):
        torch.save({"conv0.weight": torch.ones(2)}, tmp_path / "net.pth", _use_new_zipfile_serialization=new_format)
        read_tensors(tmp_path / "net.pth")
    assert asked == [True, False]


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_state_dict_lies_at_most_two_dictionaries_deep(depth: int, tmp_path: Path) -> None:
    content: dict[str, object] = {"features.conv0.weight": torch.ones(1)}
    for _ in range(depth):
        content = {"inside": content}
    torch.save(content, tmp_path / "net.pth")
    assert list(read_tensors(tmp_path / "net.pth").tensors) == ["features.conv0.weight"]
    torch.save({"a": {"b": {"c": content}}}, tmp_path / "net.pth")
    with pytest.raises(ValueError, match=r"^it holds no tensors by name$"):
        read_tensors(tmp_path / "net.pth")


class Foreign:
    """Something that a pickle asks for by name."""


def test_each_pickle_of_an_old_file_is_looked_through(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save({"conv0.weight": torch.ones(2)}, path, _use_new_zipfile_serialization=False)
    content, ends = io.BytesIO(path.read_bytes()), [0]
    for _ in range(5):
        for _ in pickletools.genops(content):
            pass
        ends.append(content.tell())
    whole, foreign = path.read_bytes(), pickle.dumps(Foreign(), protocol=2)
    for start, end in itertools.pairwise(ends):
        path.write_bytes(whole[:start] + foreign + whole[end:])
        with pytest.raises(ValueError, match=r"^it holds Python objects \(.*Foreign"):
            read_tensors(path)


def test_a_zip_that_makes_up_a_size_is_none_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save({"conv0.weight": torch.ones(2)}, path)
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\x01\x02")  # in the list of contents: 20 bytes further the size as stored, then the size unpacked
    content[entry + 24 : entry + 28] = (2**30).to_bytes(4, "little")
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"^it is a zip file, but none that torch\.save wrote"):
        read_tensors(path)


def test_a_file_of_up_to_a_gibibyte_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    for size, fits in ((2**30, True), (2**30 + 1, False)):
        with path.open("wb") as file:
            file.truncate(size)
        if fits:
            check_size(path)
        else:
            with pytest.raises(ValueError, match=r"^it has 1,024 MB, and 1,024 MB is the limit$"):
                check_size(path)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: torch.zeros(3, device="meta"), "float32, strided, on meta"),
        (lambda: torch.zeros(3).to_sparse(), "float32, sparse_coo, on cpu"),
        (lambda: torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.qint8), "qint8, strided, on cpu"),
        (lambda: torch.zeros(3, dtype=torch.int32), "int32, strided, on cpu"),
        (lambda: torch.zeros(3, dtype=torch.complex64), "complex64, strided, on cpu"),
    ],
    ids=["meta", "sparse", "quantised", "integers", "complex"],
)
def test_only_plain_numbers_are_weights(make: Callable[[], torch.Tensor], kind: str) -> None:
    with pytest.raises(ValueError, match=rf"^w is not of float32, float64, float16 or bfloat16 numbers but {kind}$"):
        as_plain_float32({"w": make()})


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_numbers_become_float32_copies_of_their_own(dtype: torch.dtype) -> None:
    given = {"w": torch.ones(4, dtype=dtype)[::2], "n.num_batches_tracked": torch.tensor(3)}
    found = as_plain_float32(given)
    assert found["w"].dtype == torch.float32
    assert found["w"].is_contiguous()
    assert found["n.num_batches_tracked"].dtype == torch.int64
    for name, tensor in given.items():
        assert found[name].untyped_storage().data_ptr() != tensor.untyped_storage().data_ptr()
        assert torch.equal(found[name].double(), tensor.double())
