"""Where nets run and what is free there: names, refusals, and control groups of both versions on an invented file tree."""

from __future__ import annotations

import platform
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

from densenet.running import device
from densenet.running.device import cgroup_memory, choose_device, device_memory, native_bfloat16, with_index

GIB = 2**30


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine without accelerators, whatever this one has."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    return monkeypatch


def test_auto_takes_the_best_there_is(machine: pytest.MonkeyPatch) -> None:
    assert choose_device() == choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    machine.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto") == choose_device("mps") == torch.device("mps")
    machine.setattr(torch.cuda, "is_available", lambda: True)
    machine.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ValueError, match=r"^device must be one of this machine's 2 CUDA devices, got 'cuda:2'$"):
        choose_device("cuda:2")


def test_bfloat16_is_native_where_the_processor_says_so(machine: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    if platform.machine() == "x86_64" and Path("/proc/cpuinfo").is_file() and hasattr(torch.cpu, "get_capabilities"):
        flags = Path("/proc/cpuinfo").read_text().split()
        assert native_bfloat16(cpu) == ("avx512_bf16" in flags or "amx_bf16" in flags)
    machine.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_f": True, "amx_bf16": False}, raising=False)
    assert not native_bfloat16(cpu)
    machine.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    assert native_bfloat16(cpu)
    machine.delattr(torch.cpu, "get_capabilities")
    assert not native_bfloat16(cpu)
    assert not native_bfloat16(torch.device("mps"))


def test_bfloat16_of_a_gpu_is_asked_of_that_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    volta, ampere = SimpleNamespace(major=7), SimpleNamespace(major=8)
    machine = {torch.device("cuda:0"): volta, torch.device("cuda:1"): ampere}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda which: machine[torch.device("cuda", 0) if which == 0 else which])
    monkeypatch.setattr(torch.version, "hip", None)
    assert not native_bfloat16(torch.device("cuda:0"))
    assert native_bfloat16(torch.device("cuda:1"))
    monkeypatch.setattr(torch.version, "hip", "6.2")
    assert native_bfloat16(torch.device("cuda:0")), "AMD's all have it"


@pytest.mark.parametrize(
    "error", [AssertionError("Torch not compiled with CUDA enabled"), RuntimeError("no driver"), AttributeError("none")]
)
def test_where_torch_cannot_tell_bfloat16_is_not_native(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def cannot(*_: object) -> None:
        raise error

    monkeypatch.setattr(torch.cpu, "get_capabilities", cannot, raising=False)
    monkeypatch.setattr(torch.cuda, "get_device_properties", cannot)
    monkeypatch.setattr(torch.version, "hip", None)
    assert not native_bfloat16(torch.device("cpu"))
    assert not native_bfloat16(torch.device("cuda:3"))


def test_a_device_has_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 2)
    assert {str(with_index(torch.device(name))) for name in ("cuda", "cuda:2")} == {"cuda:2"}
    assert str(with_index(torch.device("cuda:0"))) == "cuda:0"
    assert with_index(torch.device("cpu:0")) == with_index(torch.device("cpu")) == torch.device("cpu")


BAD_NAMES = [
    "",
    "gpu",
    "CPU",
    "cpu:0",
    "cpu:",
    "cuda:",
    "cuda:-1",
    "cuda:x",
    "cuda:²",
    "cuda:1:2",
    "mps:0",
    "cuda:99999999999",
    " cpu",
    "cpu\n",
]


@pytest.mark.parametrize("name", [*BAD_NAMES, None, 0, True, ["cpu"]], ids=repr)
def test_a_bad_name_is_refused(machine: pytest.MonkeyPatch, name: object) -> None:
    with pytest.raises(ValueError, match=r"^device must be auto, cpu, cuda, cuda:N or mps, got ") as caught:
        choose_device(name)  # type: ignore[arg-type]
    assert str(caught.value).endswith(repr(name))


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps"])
def test_an_absent_device_is_refused(machine: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(ValueError, match=rf"^device must be one of this machine's.*{name}"):
        choose_device(name)


def write(root: Path, files: dict[str, object]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    return root


def test_no_control_groups(tmp_path: Path) -> None:
    assert cgroup_memory(tmp_path) is None
    assert cgroup_memory(write(tmp_path, {"proc/self/cgroup": ""})) is None


V2 = {"proc/self/cgroup": "0::/app", "sys/fs/cgroup/app/memory.max": 4 * GIB, "sys/fs/cgroup/app/memory.current": GIB}


def test_version_2(tmp_path: Path) -> None:
    assert cgroup_memory(write(tmp_path, V2)) == (3 * GIB, 4 * GIB)


def test_version_2_counts_the_file_cache_as_free(tmp_path: Path) -> None:
    stat = f"anon {GIB // 2}\ninactive_file {GIB // 4}\nactive_file 5\ntotal_inactive_file 7"
    assert cgroup_memory(write(tmp_path, {**V2, "sys/fs/cgroup/app/memory.stat": stat})) == (3 * GIB + GIB // 4, 4 * GIB)


def test_version_2_without_a_limit(tmp_path: Path) -> None:
    assert cgroup_memory(write(tmp_path, {**V2, "sys/fs/cgroup/app/memory.max": "max"})) is None


def test_version_2_in_a_container_of_its_own(tmp_path: Path) -> None:
    """The root of the group's tree is mounted, and the path is /."""
    files = {"proc/self/cgroup": "0::/", "sys/fs/cgroup/memory.max": 2 * GIB, "sys/fs/cgroup/memory.current": GIB}
    assert cgroup_memory(write(tmp_path, files)) == (GIB, 2 * GIB)


@pytest.mark.parametrize("tightest", ["outer", "outer/inner", "outer/inner/leaf"])
def test_the_tightest_of_nested_groups_counts(tmp_path: Path, tightest: str) -> None:
    files: dict[str, object] = {"proc/self/cgroup": "0::/outer/inner/leaf"}
    for group in ("outer", "outer/inner", "outer/inner/leaf"):
        files[f"sys/fs/cgroup/{group}/memory.max"] = GIB if group == tightest else 8 * GIB
        files[f"sys/fs/cgroup/{group}/memory.current"] = GIB // 4
    assert cgroup_memory(write(tmp_path, files)) == (GIB - GIB // 4, GIB)


def test_the_tightest_is_the_one_with_least_free_not_with_the_lowest_limit(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/outer/leaf",
        "sys/fs/cgroup/outer/memory.max": 8 * GIB,
        "sys/fs/cgroup/outer/memory.current": 8 * GIB - 5,
        "sys/fs/cgroup/outer/leaf/memory.max": GIB,
        "sys/fs/cgroup/outer/leaf/memory.current": 0,
    }
    assert cgroup_memory(write(tmp_path, files)) == (5, 8 * GIB)


def test_a_group_over_its_limit_has_nothing_free(tmp_path: Path) -> None:
    assert cgroup_memory(write(tmp_path, {**V2, "sys/fs/cgroup/app/memory.current": 5 * GIB})) == (0, 4 * GIB)


V1 = {
    "proc/self/cgroup": "12:cpu,cpuacct:/job\n9:memory:/job\n1:name=systemd:/job",
    "sys/fs/cgroup/memory/job/memory.limit_in_bytes": 4 * GIB,
    "sys/fs/cgroup/memory/job/memory.usage_in_bytes": GIB,
    "sys/fs/cgroup/memory/job/memory.stat": f"inactive_file 3\ntotal_inactive_file {GIB // 2}",
    "sys/fs/cgroup/job/memory.max": 5,  # a trap: no such file in version 1
    "sys/fs/cgroup/job/memory.current": 5,
}


def test_version_1(tmp_path: Path) -> None:
    assert cgroup_memory(write(tmp_path, V1)) == (3 * GIB + GIB // 2, 4 * GIB)


def test_version_1_in_a_container_sees_its_own_root(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "9:memory:/docker/0123abcd\n0::/",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": 2 * GIB,
        "sys/fs/cgroup/memory/memory.usage_in_bytes": GIB,
    }
    assert cgroup_memory(write(tmp_path, files)) == (GIB, 2 * GIB)


@pytest.mark.parametrize("stat", ["", "inactive_file", "inactive_file many", "\n\n"])
def test_unreadable_statistics_are_passed_over(tmp_path: Path, stat: str) -> None:
    assert cgroup_memory(write(tmp_path, {**V2, "sys/fs/cgroup/app/memory.stat": stat})) == (3 * GIB, 4 * GIB)


@pytest.mark.parametrize("line", ["nonsense", "0::", ":::", "0::/../up", "0::/gone"])
def test_odd_lines_are_passed_over(tmp_path: Path, line: str) -> None:
    assert cgroup_memory(write(tmp_path, {"proc/self/cgroup": line})) is None


def test_the_memory_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    label, free, total = device_memory(torch.device("cpu"))
    assert 0 < free <= total <= psutil.virtual_memory().total
    assert label.startswith("CPU (")
    assert f"{torch.get_num_threads()} thread" in label
    monkeypatch.setattr(device, "cgroup_memory", lambda: None)
    assert device_memory(torch.device("cpu")).total_bytes == psutil.virtual_memory().total


def test_a_control_group_limits_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "cgroup_memory", lambda: (1000, 3000))
    assert device_memory(torch.device("cpu"))[1:] == (1000, 3000)
    monkeypatch.setattr(device, "cgroup_memory", lambda: (2**62, 2**62))
    _, free, total = device_memory(torch.device("cpu"))
    assert 0 < free <= total == psutil.virtual_memory().total


def test_memory_that_torch_has_reserved_on_a_gpu_is_free_to_us(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"mem_get_info": (100, 1000), "memory_reserved": 50, "memory_allocated": 20, "get_device_name": "A GPU"}.items():
        monkeypatch.setattr(torch.cuda, name, lambda _, value=value: value)
    assert device_memory(torch.device("cuda")) == ("A GPU", 130, 1000)
