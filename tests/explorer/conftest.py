"""Trainings for the tests of the app."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from explorer.settings import Settings
from tests.support.trainings import started_trainings, write_pictures


@pytest.fixture
def picture_folder(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "pictures")


@pytest.fixture
def run_settings(tmp_path: Path) -> Iterator[Settings]:
    """Settings with a folder of trainings, whose processes are ended with the test."""
    with started_trainings():
        yield Settings(device="cpu", offline=True, runs_dir=tmp_path / "runs")
