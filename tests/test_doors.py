"""Bad files through every door of the page: a sentence, nothing left behind, and never more than 1.5 GB of memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.patience import PATIENCE_SECONDS
from tests.support.serving import ROOT

MOST_BYTES = 1_500_000_000


def test_bad_files_are_answered_at_every_door(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.doors", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=4 * PATIENCE_SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found["said"]) >= 7 * 18
    assert [one for one in found["said"] if one[2] != "sentence"] == []
    for door, file, _, sentence in found["said"]:
        assert 10 < len(sentence) < 600, (door, file, sentence)
        assert "Traceback" not in sentence
        assert str(tmp_path / "gradio") not in sentence
        assert "nobody foresaw" not in sentence, (door, file)
    assert found["left"] in ([], ["runs/.starting.lock"])
    assert found["evil"] == []
    assert found["peak_bytes"] < MOST_BYTES
