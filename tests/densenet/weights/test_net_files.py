"""Files that visitors bring: every DenseNet comes back to the bit, whatever it is wrapped in, and nothing else is taken for one."""

from __future__ import annotations

import json
import os
import pickle
import struct
import tracemalloc
import warnings
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torchvision import models

from densenet import PRESETS, DenseNetConfig
from densenet.attribution import attribute
from densenet.kept import Kept
from densenet.model.net import DenseNet
from densenet.pictures.preprocessing import IMAGENET
from densenet.predict import classify, input_of, view_of
from densenet.weights import loading as weights
from densenet.weights import tensor_files
from densenet.weights.known import ASSETS, WEIGHTS
from densenet.weights.loading import load, load_file
from densenet.weights.net_files import round_to_float16, save_net
from tests.conftest import randomised
from tests.densenet.weights.test_loading import old_keys
from tests.densenet.weights.test_recognition import CONFIGS

TINY = PRESETS["tiny"]
State = dict[str, Tensor]


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_kept", Kept(weights._KEPT_NETS))


@pytest.fixture(scope="module")
def net() -> DenseNet:
    torch.manual_seed(0)
    model = DenseNet(TINY)
    randomised(model)
    return model.eval()


@pytest.fixture
def state(net: DenseNet) -> State:
    return dict(net.state_dict())


def check_equal(found: nn.Module, expected: nn.Module, size: int = 32) -> None:
    """Equal names, shapes and values everywhere, and outputs equal to the bit."""
    ours, theirs = found.state_dict(), expected.state_dict()
    assert list(ours) == list(theirs)
    for name in theirs:
        assert torch.equal(ours[name], theirs[name]), name
    x = torch.randn(2, next(expected.parameters()).shape[1], size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(found(x), expected(x))


def refusal(path: Path) -> str:
    """The clause with which `load_file` refuses `path`, after checking its frame: one sentence that names the file."""
    with pytest.raises(ValueError, match=r"^Cannot read .* as a DenseNet's weights: .*\.$") as caught:
        load_file(path)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) < 700
    assert path.name[:100] in sentence
    return sentence.split("weights: ", 1)[1].removesuffix(".")


# What comes back


def rebuilt(model: DenseNet, config: DenseNetConfig) -> DenseNet:
    """The net of `config` with the values of `model`."""
    other = DenseNet(config)
    other.load_state_dict(model.state_dict())
    return other.eval()


@hypothesis_settings(max_examples=40)
@given(config=CONFIGS, suffix=st.sampled_from(["pth", "pt", "safetensors"]), seed=st.integers(0, 9))
def test_a_drawn_net_comes_back_to_the_bit(config: DenseNetConfig, suffix: str, seed: int) -> None:
    torch.manual_seed(seed)
    model = DenseNet(config)
    randomised(model, seed)
    model.eval()
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"net.{suffix}"
        if suffix == "safetensors":
            save_file(model.state_dict(), path)
        else:
            torch.save(model.state_dict(), path)
        found = load_file(path)
    seen = replace(config, stem="cifar_norm_pool") if config.stem == "cifar_norm" else config  # a pooling leaves no tensor
    assert replace(found.config, compression=config.compression) == seen
    assert found.weights is not None
    assert found.weights.config == found.config
    check_equal(found, model if seen == config else rebuilt(model, seen), seen.smallest_image_size)


def test_torchvisions_net_as_published(tmp_path: Path) -> None:
    name = "densenet121"
    torch.manual_seed(0)
    theirs = models.get_model(name, weights=None).eval()
    randomised(theirs)
    path = tmp_path / f"{name}-old.pth"
    published = {key: value for key, value in old_keys(theirs.state_dict()).items() if not key.endswith("num_batches_tracked")}
    torch.save(published, path, _use_new_zipfile_serialization=False)
    ours = load_file(path)
    assert ours.config == PRESETS[name]
    assert all(not counter for key, counter in ours.state_dict().items() if key.endswith("num_batches_tracked"))
    record = ours.weights
    assert record is not None
    assert (record.name, record.params, record.preprocessing) == (f"{name}-old", WEIGHTS[name].params, IMAGENET)
    assert (record.top1_accuracy, record.top5_accuracy, record.url) == (None, None, None)
    assert record.licence == "unknown: brought by the visitor"
    assert record.source == f"brought by the visitor: {name}-old.pth"
    assert record.labels()[0] == "tench"
    assert len(record.assumptions) == 3
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-5)


def test_what_is_loaded_is_in_eval_frozen_and_independent_of_the_file(net: DenseNet, tmp_path: Path) -> None:
    for suffix in ("pth", "safetensors"):
        path = tmp_path / f"net.{suffix}"
        save_net(net, path, {})
        found = load_file(path)
        path.write_bytes(b"\0" * path.stat().st_size)  # mapped memory would follow the file
        check_equal(found, net)
        assert not any(module.training for module in found.modules())
        assert not any(p.requires_grad for p in found.parameters())
        assert all(t.device.type == "cpu" and t.is_contiguous() for t in (*found.parameters(), *found.buffers()))


class Wrapped(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model


def training_checkpoint(model: DenseNet) -> dict[str, object]:
    """What a training script saves half way: the net, an optimizer with its states, a schedule, counters."""
    copy = DenseNet(model.config)
    copy.load_state_dict(model.state_dict())
    optimizer = torch.optim.Adam(copy.parameters())
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5])
    copy(torch.randn(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    return {"epoch": 3, "best": 0.5, "optimizer": optimizer.state_dict(), "scheduler": schedule.state_dict(), "args": {"lr": 0.1}}


WRAPPINGS: dict[str, Callable[[DenseNet], object]] = {
    "plain": lambda net: net.state_dict(),
    "ordered": lambda net: OrderedDict(net.state_dict()),
    "old names": lambda net: old_keys(net.state_dict()),
    "state_dict": lambda net: {"state_dict": net.state_dict()},
    "model": lambda net: {"model": net.state_dict(), "epoch": 3},
    "model_state_dict": lambda net: {"model_state_dict": net.state_dict()},
    "net in a dictionary": lambda net: {"checkpoint": {"net": net.state_dict()}},
    "data parallel": lambda net: nn.DataParallel(net).state_dict(),
    "compiled": lambda net: torch.compile(net).state_dict(),  # type: ignore[attr-defined]
    "compiled in parallel, in a module": lambda net: nn.DataParallel(torch.compile(Wrapped(net))).state_dict(),  # type: ignore[arg-type]
    "lightning": lambda net: {"state_dict": Wrapped(net).state_dict(), "pytorch-lightning_version": "2.5", "loops": {}},
    "averaged": lambda net: AveragedModel(net).state_dict(),
    "training": lambda net: {**training_checkpoint(net), "model": net.state_dict()},
    "training, states first": lambda net: {**training_checkpoint(net), "milestones": Counter([1]), "net": net.state_dict()},
    "parameters": lambda net: {**net.state_dict(), **dict(net.named_parameters())},
    "numbers beside": lambda net: {**net.state_dict(), "epoch": 3, "note": "by hand", 4: 5},
    "channels last": lambda net: {
        name: t.to(memory_format=torch.channels_last) if t.dim() == 4 else t for name, t in net.state_dict().items()
    },
    "one storage": lambda net: dict(zip(net.state_dict(), shared(list(net.state_dict().values())), strict=True)),
}


def shared(tensors: list[Tensor]) -> list[Tensor]:
    """The same values as views of one long tensor (counters apart)."""
    floats = [t for t in tensors if t.is_floating_point()]
    views = iter(torch.cat([t.flatten() for t in floats]).split([t.numel() for t in floats]))
    return [next(views).view_as(t) if t.is_floating_point() else t for t in tensors]


@pytest.mark.parametrize("new_format", [True, False], ids=["zip", "old format"])
@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_wrappings(wrapping: str, new_format: bool, net: DenseNet, tmp_path: Path) -> None:
    path = tmp_path / "net.pth.tar"
    torch.save(WRAPPINGS[wrapping](net), path, _use_new_zipfile_serialization=new_format)
    check_equal(load_file(path), net)


@pytest.mark.parametrize("key", ["ema", "model_ema", "state_dict_ema", "ema_state_dict", "average", "Average"])
def test_averaged_weights_come_first(key: str, net: DenseNet, make_net: Callable[..., DenseNet], tmp_path: Path) -> None:
    averaged = make_net(seed=5)
    torch.save({"model": net.state_dict(), key: AveragedModel(averaged).state_dict()}, tmp_path / "net.pth")
    check_equal(load_file(tmp_path / "net.pth"), averaged)
    torch.save({"model": net.state_dict(), "schema": {"x": averaged.state_dict()}}, tmp_path / "net.pth")
    check_equal(load_file(tmp_path / "net.pth"), net)


def test_prefixes_in_safetensors_and_any_suffix(net: DenseNet, tmp_path: Path) -> None:
    save_file({f"module.{name}": value for name, value in net.state_dict().items()}, tmp_path / "net.pth")
    check_equal(load_file(str(tmp_path / "net.pth")), net)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_other_precisions_become_float32(dtype: torch.dtype, suffix: str, net: DenseNet, state: State, tmp_path: Path) -> None:
    stored = {name: value.to(dtype) if value.is_floating_point() else value for name, value in state.items()}
    path = tmp_path / f"net.{suffix}"
    save_file(stored, path) if suffix == "safetensors" else torch.save(stored, path)
    found = load_file(path)
    assert all(p.dtype == torch.float32 for p in found.parameters())
    for name, value in found.state_dict().items():
        expected = state[name].to(dtype).float() if value.is_floating_point() else state[name]
        assert torch.equal(value, expected), name


# What is refused


class Trap:
    """Unpickled by a careless reader, it leaves a folder behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


class Memory:
    """Unpickled by torch's own restricted reader, it takes 100 GB."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return bytearray, (10**11,)


@pytest.mark.parametrize("new_format", [True, False], ids=["zip", "old format"])
def test_a_pickle_never_runs(new_format: bool, state: State, tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    path = tmp_path / "net.pth"
    torch.save({**state, "trap": Trap(sprung)}, path, _use_new_zipfile_serialization=new_format)
    assert (
        refusal(path) == f"it holds Python objects ({os.mkdir.__module__}.mkdir), and only tensors are read: save model.state_dict() alone"
    )
    assert not sprung.exists()
    torch.load(path, weights_only=False)
    assert sprung.exists(), "the trap works where a reader is careless"


def test_a_bare_pickle_never_runs(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    (tmp_path / "net.pth").write_bytes(pickle.dumps(Trap(sprung), protocol=2) * 5)
    assert "only tensors are read" in refusal(tmp_path / "net.pth")
    for protocol in (0, 1, 3, 4, 5):
        (tmp_path / "net.pth").write_bytes(pickle.dumps(Trap(sprung), protocol=protocol) * 5)
        assert refusal(tmp_path / "net.pth") == "its content is neither safetensors nor a file of torch.save"
    assert not sprung.exists()


@pytest.mark.parametrize("new_format", [True, False], ids=["zip", "old format"])
@pytest.mark.parametrize(
    ("content", "named"),
    [
        (lambda net: net, "densenet.model.net.Dense"),
        (lambda net: {"state_dict": net.state_dict(), "best": np.float64(0.5)}, "multiarray.scalar"),
        (lambda net: {**net.state_dict(), "x": Memory()}, "bytearray"),
    ],
    ids=["a whole model", "a number of numpy's", "a demand for memory"],
)
def test_python_objects_are_named(
    content: Callable[[DenseNet], object], named: str, new_format: bool, net: DenseNet, tmp_path: Path
) -> None:
    torch.save(content(net), tmp_path / "net.pth", _use_new_zipfile_serialization=new_format)
    clause = refusal(tmp_path / "net.pth")
    assert clause.startswith("it holds Python objects (")
    assert named in clause


def forged_zip(path: Path, change: Callable[[str, bytes], bytes], compression: int = zipfile.ZIP_STORED) -> None:
    """Write the zip at `path` again with other contents."""
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, change(name, data))


def test_a_zip_that_unpacks_to_more_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save({"features.conv0.weight": torch.zeros(5_000_000)}, path)
    forged_zip(path, lambda name, data: data, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 50_000
    tracemalloc.start()
    clause = refusal(path)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert clause.startswith("it is a zip file, but none that torch.save wrote")
    assert peak_bytes < 5_000_000


def test_a_tensor_cannot_reach_beyond_the_file(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save({"features.conv0.weight": torch.ones(1000)}, path)
    forged_zip(path, lambda name, data: data.replace(b"M\xe8\x03", b"J" + struct.pack("<i", 2**28)))
    assert refusal(path) == "the file is damaged or ends early"


def test_one_number_seen_a_million_times_takes_no_memory(state: State, tmp_path: Path) -> None:
    state["classifier.weight"] = torch.zeros(1, 1).expand(100_000, 28)
    state["classifier.bias"] = torch.zeros(1).expand(100_000)
    state["features.conv0.weight"] = torch.zeros(1, 1, 1, 1).expand(1024, 64, 3, 3)
    torch.save(state, tmp_path / "net.pth")
    assert "of another shape" in refusal(tmp_path / "net.pth")
    wide = DenseNetConfig(growth_rate=512, block_config=(8,), num_init_features=1024, bn_size=0, num_classes=100_000)
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in DenseNet(wide).state_dict().items()}
    torch.save({name: torch.zeros(1).expand(shape) if shape else torch.tensor(0) for name, shape in shapes.items()}, tmp_path / "wide.pth")
    assert (tmp_path / "wide.pth").stat().st_size < 100_000
    assert refusal(tmp_path / "wide.pth") == "its tensors have more than 1,024 MB in float32"


def safetensors_bytes(header: object, data: bytes = b"\0" * 4) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


ENTRY = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
NO_FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "the file is empty"),
    "one byte": (b"\x80", "neither safetensors nor"),
    "text": (b"not a net, but eighteen letters and more\n", "neither safetensors nor"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "neither safetensors nor"),
    "json": (b'{"growth_rate": 12, "block_config": [6, 6]}', "neither safetensors nor"),
    "a pickle of zeros": (b"\x80\x02" + b"\0" * 100, "damaged or ends early"),
    "a made up length": (b"\x80\x02\x96" + b"\xff" * 7 + b"\x7f" + b"\0" * 20, "damaged or ends early"),
    "half a magic number": (b"\x80\x02\x8a\x0al\xfc\x9c", "damaged or ends early"),
    "zip that is none": (b"PK\x03\x04" + b"\0" * 100, "damaged or ends early"),
    "header too long": (
        struct.pack("<Q", 2**40) + b"{}" + b"\0" * 10,
        "safetensors header is broken, or the file ends early (header too large)",
    ),
    "header cut": (safetensors_bytes({"a": ENTRY})[:30], "safetensors header is broken"),
    "header not json": (safetensors_bytes(b"{what?}"), "safetensors header is broken"),
    "data cut": (safetensors_bytes({"a": ENTRY}, b"\0"), "safetensors header is broken"),
    "huge shape": (safetensors_bytes({"a": {**ENTRY, "shape": [10**9, 10**9]}}), "safetensors header is broken"),
    "overlapping": (safetensors_bytes({"a": ENTRY, "b": ENTRY}), "safetensors header is broken"),
    "unknown numbers": (safetensors_bytes({"a": {**ENTRY, "dtype": "Q7"}}), "safetensors header is broken"),
    "no tensors": (safetensors_bytes({}, b""), "it has no tensors"),
}


@pytest.mark.parametrize("kind", NO_FILES)
def test_no_file_of_tensors(kind: str, tmp_path: Path) -> None:
    content, reason = NO_FILES[kind]
    for name in ("net.pth", "net.safetensors"):
        (tmp_path / name).write_bytes(content)
        assert reason in refusal(tmp_path / name)


@pytest.mark.parametrize("written", ["zip", "old format", "safetensors"])
def test_a_file_cut_anywhere_is_a_sentence(written: str, state: State, tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    if written == "safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=written == "zip")
    whole = path.read_bytes()
    for length in [*range(1, 40, 3), *range(40, len(whole), len(whole) // 60), len(whole) - 1]:
        path.write_bytes(whole[:length])
        refusal(path)


@hypothesis_settings(max_examples=150)
@given(data=st.data(), written=st.sampled_from(["zip", "old format", "safetensors"]))
def test_a_file_with_bytes_changed_is_a_net_or_a_sentence(data: st.DataObject, written: str) -> None:
    torch.manual_seed(0)
    model = DenseNet(replace(TINY, block_config=(1,)))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "net"
        if written == "safetensors":
            save_file(model.state_dict(), path)
        else:
            torch.save(model.state_dict(), path, _use_new_zipfile_serialization=written == "zip")
        content = bytearray(path.read_bytes())
        for place in data.draw(st.lists(st.integers(0, 10**6), min_size=1, max_size=8)):  # the old format names storages by their address,
            content[place % len(content)] = data.draw(st.integers(0, 255))  # so the file's length is not the same each time
        path.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with suppress(ValueError):
                assert load_file(path).weights is not None


def test_another_kind_of_net_is_named(tmp_path: Path) -> None:
    torch.save(models.resnet18(weights=None).state_dict(), tmp_path / "resnet18.pth")
    assert refusal(tmp_path / "resnet18.pth") == (
        "there is no features.conv0.weight, so it is not a DenseNet with torchvision's names, nor with those of "
        "MONAI, TorchXRayVision, CheXNet, kuangliu/pytorch-cifar, bamos/densenet.pytorch, andreasveit/densenet-pytorch: "
        "it has 122 tensors, the first are conv1.weight, bn1.weight, bn1.bias and 119 more"
    )


@pytest.mark.parametrize(
    "content", [[1, 2], {}, {"a": 1}, torch.zeros(3), {"a": {"b": {"c": {"d": {"e": torch.zeros(1)}}}}}, "text", None], ids=str
)
def test_contents_that_are_no_state_dict(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "net.pth")
    assert refusal(tmp_path / "net.pth") == "it holds no tensors by name"


def test_programs_are_refused(net: DenseNet, tmp_path: Path) -> None:
    exported = torch.export.export(net, (torch.randn(1, 3, 8, 8),))
    torch.export.save(exported, tmp_path / "net.pt")
    assert "programs of TorchScript and torch.export are not read" in refusal(tmp_path / "net.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated, its files are still about
        torch.jit.save(torch.jit.trace(net, torch.randn(1, 3, 8, 8)), tmp_path / "script.pt")
    assert "programs of TorchScript and torch.export are not read" in refusal(tmp_path / "script.pt")


def test_what_is_missing_left_over_and_misshapen_is_named(state: State, tmp_path: Path) -> None:
    del state["features.norm5.weight"]
    state["classifier.bias"] = torch.zeros(11)
    state["criterion.weight"] = torch.zeros(1)
    torch.save({"state_dict": state}, tmp_path / "net.pth")
    assert refusal(tmp_path / "net.pth") == (
        "1 missing: features.norm5.weight; 1 left over: criterion.weight; 1 of another shape: classifier.bias (11 where 10 belongs)"
    )


@pytest.mark.parametrize(
    ("name", "value", "clause"),
    [
        ("classifier.bias", float("nan"), "classifier.bias holds values that are not finite, so the net could only answer with NaN"),
        (
            "features.conv0.weight",
            float("-inf"),
            "features.conv0.weight holds values that are not finite, so the net could only answer with NaN",
        ),
        ("features.norm5.running_var", -0.1, "features.norm5.running_var holds negative values, and a variance has none"),
    ],
)
def test_numbers_that_no_net_can_have(name: str, value: float, clause: str, state: State, tmp_path: Path) -> None:
    state[name] = state[name].clone()
    state[name].view(-1)[-1] = value
    torch.save(state, tmp_path / "net.pth")
    assert refusal(tmp_path / "net.pth") == clause


def test_float64_beyond_float32_is_not_finite(state: State, tmp_path: Path) -> None:
    state["classifier.bias"] = torch.full((10,), 1e300, dtype=torch.float64)
    torch.save(state, tmp_path / "net.pth")
    assert "classifier.bias holds values that are not finite" in refusal(tmp_path / "net.pth")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (torch.zeros(10, dtype=torch.int32), "int32, strided, on cpu"),
        (torch.zeros(10, dtype=torch.complex64), "complex64, strided, on cpu"),
        (torch.zeros(10, dtype=torch.bool), "bool, strided, on cpu"),
        (torch.zeros(10, dtype=torch.float8_e4m3fn), "float8_e4m3fn, strided, on cpu"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_tensors_of_other_kinds(value: Tensor, kind: str, state: State, tmp_path: Path) -> None:
    state["classifier.bias"] = value
    torch.save(state, tmp_path / "net.pth")
    assert refusal(tmp_path / "net.pth") == f"classifier.bias is not of float32, float64, float16 or bfloat16 numbers but {kind}"


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ["sparse", "meta", "quantised"])
def test_tensors_that_hold_no_plain_numbers(kind: str, state: State, tmp_path: Path) -> None:
    state["classifier.bias"] = {
        "sparse": lambda: torch.zeros(10).to_sparse(),
        "meta": lambda: torch.zeros(10, device="meta"),
        "quantised": lambda: torch.quantize_per_tensor(torch.zeros(10), 0.1, 0, torch.qint8),
    }[kind]()
    torch.save(state, tmp_path / "net.pth")
    clause = refusal(tmp_path / "net.pth")
    assert clause.startswith(("classifier.bias is not of float32", "it holds Python objects (torch."))


def test_places_where_no_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: State) -> None:
    for absent in (tmp_path / "gone.pth", tmp_path / "no" / "folder.pth", str(tmp_path / "gone")):
        with pytest.raises(FileNotFoundError, match=r"^There is no file (gone|folder)(\.pth)?\.$"):
            load_file(absent)
    (tmp_path / "folder.pth").mkdir()
    assert refusal(tmp_path / "folder.pth") == "it is not a file"
    with pytest.raises(ValueError, match="Cannot read"):
        load_file("x" * 5000)
    with pytest.raises(FileNotFoundError):
        load_file("a\0b.pth")
    with pytest.raises(ValueError, match="it is not a file"):
        load_file("")
    with (tmp_path / "huge.pth").open("wb") as file:
        file.truncate(2**30 + 1)
    assert refusal(tmp_path / "huge.pth") == "it has 1,024 MB, and 1,024 MB is the limit"
    torch.save(state, tmp_path / "net.pth")
    monkeypatch.setattr(tensor_files, "MAX_FILE_BYTES", (tmp_path / "net.pth").stat().st_size - 1)
    assert "is the limit" in refusal(tmp_path / "net.pth")


# Cards, predictions, the cache


def test_the_embedded_file_reads_like_a_visitors(tmp_path: Path) -> None:
    mine, shipped = load_file(ASSETS / "cifar10.pth"), load("cifar10")
    check_equal(mine, shipped)
    assert mine.weights is not None
    assert replace(mine.weights, source="", licence="") == replace(WEIGHTS["cifar10"], source="", licence="")


@pytest.mark.parametrize("suffix", ["pth", "pt", "safetensors"])
def test_saved_with_a_card_and_loaded(suffix: str, net: DenseNet, tmp_path: Path) -> None:
    path = tmp_path / f"mine.{suffix}"
    classes = [f"Ding {i} ä" for i in range(10)]
    card = {
        "label": "Mine",
        "classes": classes,
        "activation": "softmax",
        "licence": "CC0",
        "accuracy": {"top1": 0.25, "on": "ten photos"},
        "recipe": "none",
    }
    card["preprocessing"] = {"crop_px": 16, "mean": [0.5] * 3, "std": [0.25] * 3}
    written = save_net(net, path, card)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(["mine.json", path.name])
    assert json.loads((tmp_path / "mine.json").read_text(encoding="utf-8")) == json.loads(json.dumps(written))
    assert written["file"] == path.name
    assert written["recipe"] == "none"
    found = load_file(path)
    check_equal(found, net)
    record = found.weights
    assert record is not None
    assert (record.label, record.classes, record.licence) == ("Mine", tuple(classes), "CC0")
    assert (record.top1_accuracy, record.top5_accuracy, record.accuracy_on) == (25.0, None, "ten photos")
    assert (record.preprocessing.crop_px, record.sha256, record.assumptions) == (16, written["sha256"], ())
    if suffix == "safetensors":
        with safe_open(path, framework="pt") as file:
            assert json.loads(file.metadata()["densenet_card"]).keys() == written.keys() - {"file", "sha256"}, "its own hash it cannot hold"
        alone = tmp_path / "elsewhere" / "mine.safetensors"
        alone.parent.mkdir()
        alone.write_bytes(path.read_bytes())
        assert load_file(alone).weights == record, "the header carries the card"


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_rounded_to_float16_norms_keep_every_digit(suffix: str, make_net: Callable[..., DenseNet], tmp_path: Path) -> None:
    model, before = make_net(), make_net().state_dict()
    assert round_to_float16(model) is model
    for name, value in model.state_dict().items():
        assert value.dtype == before[name].dtype
        assert torch.equal(value, before[name].half().float() if value.ndim > 1 else before[name]), name
    save_net(model, tmp_path / f"net.{suffix}", {}, half=True)
    check_equal(load_file(tmp_path / f"net.{suffix}"), model)


def test_a_card_settles_what_no_tensor_shows(tmp_path: Path) -> None:
    model = DenseNet(replace(TINY, compression=0.53, drop_rate=0.2)).eval()
    save_net(model, tmp_path / "net.safetensors", {})
    assert load_file(tmp_path / "net.safetensors").config == model.config


def test_a_card_given_by_its_path_comes_first(net: DenseNet, tmp_path: Path) -> None:
    save_net(net, tmp_path / "net.safetensors", {"label": "beside"})
    (tmp_path / "other.json").write_text('{"label": "given"}')
    for card, label in ((tmp_path / "other.json", "given"), (None, "beside")):
        record = load_file(tmp_path / "net.safetensors", card=card).weights
        assert record is not None
        assert record.label == label
    with pytest.raises(FileNotFoundError, match=r"^There is no file gone\.json\.$"):
        load_file(tmp_path / "net.safetensors", card=tmp_path / "gone.json")


def test_bad_cards_are_refused(net: DenseNet, tmp_path: Path) -> None:
    path, card = tmp_path / "net.pth", tmp_path / "net.json"
    for bad, sentence in [
        ({"classes": ["a"]}, "its card's classes must be 10 names"),
        ({"config": {"growth_rate": 5, "block_config": [2, 2], "num_init_features": 8, "stem": "cifar"}}, "of another shape"),
        ({"sha256": "0" * 64}, "its card belongs to another file"),
        ([], "its card is not a JSON object"),
    ]:
        torch.save(net.state_dict(), path)
        card.write_text(json.dumps(bad))
        assert sentence in refusal(path)
    card.write_bytes(b"\xff")
    assert refusal(path) == "its card is not JSON"
    save_file(net.state_dict(), tmp_path / "header.safetensors", metadata={"densenet_card": "[", "format": "pt"})
    assert refusal(tmp_path / "header.safetensors") == "its card is not JSON"


def test_nothing_is_saved_with_a_card_or_a_name_that_does_not_fit(net: DenseNet, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="its card's classes must be 10 names"):
        save_net(net, tmp_path / "net.pth", {"classes": ["a"]})
    with pytest.raises(ValueError, match=r"^path must end in \.safetensors, \.pth or \.pt, got 'net\.onnx'$"):
        save_net(net, tmp_path / "net.onnx", {})
    assert list(tmp_path.iterdir()) == []


def test_a_grey_net_is_asked_like_any_other(make_net: Callable[..., DenseNet], tmp_path: Path) -> None:
    model = make_net(replace(PRESETS["classroom"], block_config=(1, 1, 1, 1), growth_rate=4, num_init_features=8))
    save_net(model, tmp_path / "fashion.safetensors", {"classes": ["shirt", *"abcdefghi"]})
    found = load_file(tmp_path / "fashion.safetensors")
    photo = Image.linear_gradient("L").convert("RGB").rotate(30)
    red = Image.merge("RGB", [photo.split()[0], Image.new("L", photo.size), Image.new("L", photo.size)])
    view = view_of(found, red)
    assert (view.size, view.mode) == ((224, 224), "RGB")
    assert len({band.tobytes() for band in view.split()}) == 1, "the view is grey, as the net sees it"
    x = input_of(found, view)
    assert x.shape == (1, 1, 224, 224)
    grey = torch.from_numpy(np.asarray(view.convert("L"), dtype=np.float32) / 255)
    torch.testing.assert_close(x[0, 0], grey)
    predictions = classify(found, red, 10)
    with torch.no_grad():
        expected = model(x).softmax(1)[0]
    assert {p.label: round(p.probability, 5) for p in predictions} == {
        label: round(float(p), 5) for label, p in zip(["shirt", *"abcdefghi"], expected, strict=True)
    }
    assert attribute(found, x, 0, "grad_cam").map.shape == (1, 1, 224, 224)


def test_a_net_of_four_channels_loads_but_sees_no_photo(make_net: Callable[..., DenseNet], tmp_path: Path) -> None:
    model = make_net(replace(TINY, in_channels=4))
    torch.save(model.state_dict(), tmp_path / "net.pth")
    found = load_file(tmp_path / "net.pth")
    check_equal(found, model)
    with pytest.raises(ValueError, match=r"^a photo has 3 channels, or 1 in grey, and this net reads 4$"):
        classify(found, Image.new("RGB", (40, 40)))


def test_the_same_file_is_the_same_net_and_only_the_last_are_kept(state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights._kept, "most", 2)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        torch.save(state, tmp_path / folder / "net.pth")
    first = load_file(tmp_path / "a" / "net.pth")
    assert load_file(tmp_path / "b" / "net.pth") is first, "the content counts, not the folder"
    (tmp_path / "renamed.pth").write_bytes((tmp_path / "a" / "net.pth").read_bytes())
    renamed = load_file(tmp_path / "renamed.pth")
    assert renamed.weights is not None
    assert renamed.weights.name == "renamed", "but the name does: it is the net's"
    assert load_file(tmp_path / "a" / "net.pth") is first
    (tmp_path / "b" / "net.json").write_text('{"label": "with a card"}')
    assert load_file(tmp_path / "b" / "net.pth") is not first
    assert load_file(tmp_path / "a" / "net.pth") is first
    torch.save({**state, "classifier.bias": torch.ones(10)}, tmp_path / "a" / "net.pth")
    changed = load_file(tmp_path / "a" / "net.pth")
    assert changed is not first
    assert changed.classifier.bias[0] == 1
    load("cifar10")
    assert len(weights._kept) == 2


def test_threads_at_once_read_once(state: State, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "net.pth")
    with ThreadPoolExecutor(4) as pool:
        nets = list(pool.map(lambda _: load_file(tmp_path / "net.pth"), range(8)))
    assert all(net is nets[0] for net in nets)
