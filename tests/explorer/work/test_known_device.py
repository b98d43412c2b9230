"""What is known of the device before torch was asked, and after."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from densenet import PRESETS, Workload
from densenet.measure.forecast import expected_seconds
from explorer.settings import Settings
from explorer.work import known_device
from explorer.work.known_device import known, look, measuring_seconds

SETTINGS = Settings(device="cpu")


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_device, "_known", {})


def test_nothing_is_known_before_torch_was_asked() -> None:
    assert known(SETTINGS) is None
    assert measuring_seconds(SETTINGS, PRESETS["tiny"], Workload(image_size=32)) is None


def test_what_torch_says_is_asked_once_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    found = look(SETTINGS)
    assert (found.type, found.label.split()[0]) == ("cpu", "CPU")
    assert 0 < found.total_bytes <= psutil.virtual_memory().total
    monkeypatch.setattr("densenet.running.device.device_memory", lambda _: pytest.fail("it was asked again"))
    assert look(SETTINGS) is found
    assert known(SETTINGS) is found
    assert known(Settings(device="auto")) is None, "of another device nothing is known yet"


def test_a_measurement_takes_its_five_steps() -> None:
    look(SETTINGS)
    config, workload = PRESETS["densenet121"], Workload(mode="train", batch_size=2)
    assert measuring_seconds(SETTINGS, config, workload) == pytest.approx(5 * expected_seconds(config, workload, "cpu"))


def test_a_device_that_is_not_here_is_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"^device must be "):
        look(Settings(device="cuda:999"))
    assert known(Settings(device="cuda:999")) is None


def test_a_slider_does_not_wait_for_torch() -> None:
    code = (
        "import sys\nfrom densenet import PRESETS, Workload\nfrom explorer.settings import Settings\n"
        "from explorer.work.known_device import known, measuring_seconds\n"
        "known(Settings()), measuring_seconds(Settings(), PRESETS['tiny'], Workload(image_size=32))\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(known_device.__file__).parents[2], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
