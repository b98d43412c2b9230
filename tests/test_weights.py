"""Trained weights: what is shipped is what its card says, what is downloaded comes whole or not at all."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from torchvision import models

from densenet import PRESETS, weights
from densenet.model import DenseNet
from densenet.weights import ASSETS, WEIGHTS, is_here, load, renamed_keys
from tests.conftest import randomised

FILE_121 = "densenet121-a639ec97.pth"


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test starts with no net in memory, and leaves none."""
    monkeypatch.setattr(weights, "_kept", type(weights._kept)())


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Published addresses lead nowhere and torch's cache is empty."""
    for name, record in list(WEIGHTS.items()):
        if record.url is not None:
            monkeypatch.setitem(WEIGHTS, name, replace(record, url=f"http://127.0.0.1:9/{record.url.rsplit('/', 1)[1]}"))
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))


def old_keys(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Name the values as the published files do: `denselayer1.norm.1.weight`."""
    renamed = {}
    for key, value in state.items():
        for kind in ("norm", "conv"):
            for digit in "12":
                if "denselayer" in key:
                    key = key.replace(f".{kind}{digit}.", f".{kind}.{digit}.")
        renamed[key] = value
    return renamed


@pytest.fixture(scope="module")
def published() -> tuple[models.DenseNet, bytes]:
    """A torchvision densenet121 and a file of it as published: old names, and no step counters."""
    torch.manual_seed(0)
    model = models.densenet121(weights=None).eval()
    randomised(model)
    state = {key: value for key, value in old_keys(model.state_dict()).items() if not key.endswith("num_batches_tracked")}
    assert "features.denseblock1.denselayer1.norm.1.weight" in state
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return model, buffer.getvalue()


def test_the_embedded_file_is_the_one_on_the_card() -> None:
    record = WEIGHTS["cifar10"]
    assert hashlib.sha256((ASSETS / "cifar10.pth").read_bytes()).hexdigest() == record.sha256
    model = load("cifar10")
    assert sum(p.numel() for p in model.parameters()) == record.params == 641_338
    assert model.config == record.config
    assert model.weights is record
    assert record.labels() == record.classes
    assert len(record.labels()) == record.config.num_classes == 10
    assert record.top1_accuracy == pytest.approx(86.87)
    assert record.url is None
    assert is_here("cifar10")


def test_loaded_nets_are_in_eval_frozen_and_kept() -> None:
    model = load("cifar10")
    assert isinstance(model, DenseNet)
    assert not any(module.training for module in model.modules())
    assert not any(p.requires_grad for p in model.parameters())
    assert all(tensor.device.type == "cpu" for tensor in (*model.parameters(), *model.buffers()))
    assert load("cifar10") is model
    assert load("cifar10", offline=True) is model
    assert load("cifar10", weights_dir=Path("elsewhere")) is model, "what is shipped is the same wherever downloads go"


def test_only_the_last_nets_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_KEPT_NETS", 1)
    for name in ("a", "b"):
        monkeypatch.setitem(WEIGHTS, name, WEIGHTS["cifar10"])
        monkeypatch.setitem(weights._load_locks, name, threading.Lock())
    a = load("a")
    b = load("b")
    assert load("b") is b
    assert load("a") is not a


@pytest.mark.parametrize("name", ["", "densenet", "DenseNet121", "densenet264", "../cifar10", None, 121])
def test_an_unknown_name_is_refused(name: object) -> None:
    for function in (load, is_here):
        with pytest.raises(ValueError, match=r"^weights must be one of cifar10, densenet121, .*, got") as caught:
            function(name)  # type: ignore[operator]
        assert str(caught.value).endswith(repr(name))


def test_the_records() -> None:
    assert list(WEIGHTS) == ["cifar10", "densenet121", "densenet161", "densenet169", "densenet201"]
    for name, record in WEIGHTS.items():
        assert record.name == name
        assert record.licence
        assert len(record.labels()) == record.config.num_classes
        assert len(record.preprocessing.mean) == len(record.preprocessing.std) == record.config.in_channels
        if name in PRESETS:
            assert record.config == PRESETS[name]


def test_renaming_touches_old_names_only() -> None:
    state = models.densenet121(weights=None).state_dict()
    assert list(renamed_keys(old_keys(state))) == list(state)
    assert list(renamed_keys(state)) == list(state)
    assert list(renamed_keys({"features.transition1.norm.weight": state["features.norm5.weight"]})) == ["features.transition1.norm.weight"]


@pytest.mark.parametrize("way", ["weights_dir", "weights_dir as text", "TORCH_HOME", "XDG_CACHE_HOME"])
def test_a_published_file_in_the_cache_loads(
    way: str, published: tuple[models.DenseNet, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, content = published
    folder = {"TORCH_HOME": tmp_path / "hub" / "checkpoints", "XDG_CACHE_HOME": tmp_path / "torch" / "hub" / "checkpoints"}.get(
        way, tmp_path
    )
    folder.mkdir(parents=True, exist_ok=True)
    weights_dir: Path | str | None = {"weights_dir": folder, "weights_dir as text": str(folder)}.get(way)
    if weights_dir is None:
        monkeypatch.delenv("TORCH_HOME")
        monkeypatch.setenv(way, str(tmp_path))
    assert not is_here("densenet121", weights_dir)
    (folder / FILE_121).write_bytes(content)
    assert is_here("densenet121", weights_dir)
    ours = load("densenet121", weights_dir=weights_dir, offline=True)
    assert load("densenet121", weights_dir=weights_dir) is ours
    assert ours.weights is WEIGHTS["densenet121"]
    assert not ours.training
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-5)
    if weights_dir is not None:
        with pytest.raises(ConnectionError, match="not on this machine"):
            load("densenet121", weights_dir=tmp_path / "another", offline=True)


@pytest.mark.parametrize(
    "environment", [{}, {"TORCH_HOME": "/a/b"}, {"TORCH_HOME": "~/c"}, {"XDG_CACHE_HOME": "/d"}, {"XDG_CACHE_HOME": "~/e"}]
)
def test_the_folder_is_torch_hubs(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("TORCH_HOME", "XDG_CACHE_HOME", "TORCH_HUB"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    assert str(weights._folder(None)) == os.path.join(torch.hub.get_dir(), "checkpoints")


def test_offline_without_the_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError, match=r"^The weights of densenet169 are not on this machine.*switched off\.$"):
        load("densenet169", weights_dir=tmp_path, offline=True)
    assert list(tmp_path.iterdir()) == []


class Trap:
    """Unpickled by a careless reader, it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("kind", ["code", "code in a zip", "empty", "text", "truncated", "another net", "a list", "a number as a value"])
def test_a_bad_file_is_named_and_never_runs(kind: str, published: tuple[models.DenseNet, bytes], tmp_path: Path) -> None:
    sprung, buffer = tmp_path / "sprung", io.BytesIO()
    saved: object = {
        "code in a zip": {"a": Trap(sprung)},
        "another net": DenseNet(PRESETS["tiny"]).state_dict(),
        "a list": [1, 2],
        "a number as a value": dict.fromkeys(models.densenet121(weights=None).state_dict(), 1.0),
    }.get(kind, {})
    torch.save(saved, buffer)
    content = {"code": pickle.dumps(Trap(sprung), protocol=2), "empty": b"", "text": b"not a net\n", "truncated": published[1][:100_000]}
    (tmp_path / FILE_121).write_bytes(content.get(kind, buffer.getvalue()))
    with pytest.raises(ValueError, match=rf"{FILE_121} does not hold the weights of densenet121: remove it"):
        load("densenet121", weights_dir=tmp_path)
    assert not sprung.exists()


class Server:
    """A web server of one file on 127.0.0.1, well or badly behaved, that counts what it was asked for."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.manner = "well"
        self.served: list[str] = []
        self.let_go = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.served.append(self.path)
                if outer.manner == "garbage":
                    self.wfile.write(b"\x00\x01 what?\r\n\r\n")
                    return
                if outer.manner == "404":
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(outer.content)))
                self.end_headers()
                half = len(outer.content) // 2
                if outer.manner == "well":
                    self.wfile.write(outer.content)
                elif outer.manner == "breaks":
                    self.wfile.write(outer.content[:half])
                elif outer.manner == "stalls":
                    self.wfile.write(outer.content[:half])
                    self.wfile.flush()
                    outer.let_go.wait(20)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.let_go.set()
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server(published: tuple[models.DenseNet, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server of the published file, and a record of densenet121 that points to it with the right digits."""
    server = Server(published[1])
    digits = hashlib.sha256(published[1]).hexdigest()[:8]
    url = f"http://127.0.0.1:{server.http.server_address[1]}/models/densenet121-{digits}.pth"
    monkeypatch.setitem(WEIGHTS, "densenet121", replace(WEIGHTS["densenet121"], url=url, sha256=digits))
    yield server
    server.close()


def test_a_download_comes_whole_and_stays(
    server: Server, published: tuple[models.DenseNet, bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "folder"
    model = load("densenet121", weights_dir=folder)
    [file] = folder.iterdir()
    assert file.read_bytes() == published[1]
    assert file.name == f"densenet121-{WEIGHTS['densenet121'].sha256}.pth"
    torch.testing.assert_close(model.state_dict()["classifier.weight"], published[0].classifier.weight.detach())
    weights._kept.clear()
    assert load("densenet121", weights_dir=folder, offline=True) is not model
    assert len(server.served) == 1
    assert capfd.readouterr() == ("", ""), "a library prints nothing"


@pytest.mark.parametrize("manner", ["breaks", "stalls", "garbage", "404"])
def test_a_broken_download_leaves_nothing(manner: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_STALLED_SECONDS", 0.5)
    server.manner = manner
    with pytest.raises(ConnectionError, match=r"^The weights of densenet121 could not be downloaded from http://127\.0\.0\.1.*\.$"):
        load("densenet121", weights_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []
    server.manner = "well"
    assert load("densenet121", weights_dir=tmp_path).weights is WEIGHTS["densenet121"], "the next try works"


def test_a_file_with_another_hash_is_not_kept(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.content = server.content[:-1] + b"\x00\x00"
    with pytest.raises(ConnectionError, match="SHA-256 differs"):
        load("densenet121", weights_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_absent_server_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError, match=r"^The weights of densenet201 could not be downloaded from .*refused.*\.$"):
        load("densenet201", weights_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_sentence(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConnectionError, match="could not be downloaded"):
        load("densenet121", weights_dir=tmp_path / "file" / "folder")


def test_threads_at_once_download_once(server: Server, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        nets = list(pool.map(lambda _: load("densenet121", weights_dir=tmp_path), range(4)))
    assert all(net is nets[0] for net in nets)
    assert len(server.served) == 1


def test_a_slow_download_does_not_hold_up_other_nets(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.manner = "stalls"
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(load, "densenet121", weights_dir=tmp_path)
        while not server.served:
            threading.Event().wait(0.01)
        assert load("cifar10").weights is WEIGHTS["cifar10"]
        assert not waiting.done()
        server.let_go.set()
        assert isinstance(waiting.exception(timeout=20), ConnectionError)
