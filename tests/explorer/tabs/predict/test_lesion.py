"""The lesion view shows what `densenet.features.lesion` returns, and can be stopped."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import torch
from PIL import Image

from densenet.features.lesion import REPLACEMENTS, Lesion, lesion, lesion_map
from explorer.components.formatting import share
from explorer.settings import Settings
from explorer.tabs.predict import lesion as view
from explorer.tabs.predict.stage import NOTHING
from explorer.work.cancelling import cancel_explaining
from explorer.work.subject import Asked, subject_of

SETTINGS = Settings(device="cpu", offline=True)
ASKED = Asked("a", "cifar10", 5)  # a dog


class Visitor:
    """What a handler reads of a gr.Request."""

    session_hash = "lesions"


VISITOR: Any = Visitor()


@pytest.fixture(scope="module")
def photo(samples: Path) -> Image.Image:
    return Image.open(samples / "beagle.jpg").convert("RGB")


def last(photo: Image.Image | None, asked: Asked | None = ASKED, block: int | None = 3, by: str = "zero", source: int | None = None) -> Any:
    return list(view.show(SETTINGS, photo, asked, block, by, source, VISITOR))[-1]


def test_nothing_without_a_photo(photo: Image.Image) -> None:
    for answer in (last(None), last(photo, None)):
        assert answer[-1] == NOTHING
        assert json.loads(answer[2])["figures"] == []
    assert list(view.each_reader(SETTINGS, None, ASKED, 1, "zero", VISITOR))[-1][1] == NOTHING
    assert view.switch_off(SETTINGS, None, ASKED, 1, "zero", 0) == ""


def test_the_page_knows_the_librarys_replacements() -> None:
    assert tuple(view.REPLACEMENTS.values()) == REPLACEMENTS


@pytest.mark.parametrize("by", REPLACEMENTS)
def test_bars_are_the_librarys_changes(photo: Image.Image, by: str) -> None:
    subject = subject_of(SETTINGS, photo, ASKED)
    expected = lesion_map(subject.model, subject.x, 5, 3, cells=False, by=by)
    blocks, sources, panel, _, line = last(photo, by=by)
    assert [i for _, i in blocks["choices"]] == [1, 2, 3, 4]
    assert sources["choices"] == [("switch off the block's input", 0), *((f"switch off layer {i}", i) for i in range(1, 7))]
    points, logits = json.loads(panel)["figures"][0]["data"]
    assert points["y"] == pytest.approx([100 * change.probability for change in expected.everywhere], abs=1e-4)
    assert logits["y"] == pytest.approx([change.logit for change in expected.everywhere], abs=1e-4)
    strongest = max(range(7), key=lambda i: abs(expected.everywhere[i].logit))
    assert sources["value"] == strongest
    assert f"<b>dog</b> {share(expected.probability)}, logit {expected.logit:.2f}" in line


def test_a_block_or_source_that_is_not_there_is_replaced(photo: Image.Image) -> None:
    assert last(photo, block=None)[0]["value"] == 4
    assert last(photo, block=9)[0]["value"] == 4
    assert last(photo, block=1, source=99)[1]["value"] in (0, 1, 2)
    assert last(photo, block=1, source=1)[1]["value"] == 1
    kept = list(view.show_block(SETTINGS, photo, ASKED, 1, "zero", VISITOR))[-1]
    assert kept[1]["value"] == last(photo, block=1)[1]["value"]


def test_the_classes_before_and_after(photo: Image.Image) -> None:
    subject = subject_of(SETTINGS, photo, ASKED)
    last_layer = subject.model.config.block_config[3]
    for source in range(last_layer + 1):
        moved = lesion(subject.model, subject.x, 4, source)
        page = view.switch_off(SETTINGS, photo, ASKED, 4, "zero", source)
        before, after = moved.probabilities_before, moved.probabilities_after
        best = before.topk(5).indices.tolist()
        classes = [*best, *(i for i in after.topk(5).indices.tolist() if i not in best)]
        assert re.findall(r'<span title="([^"]+)">', page) == [subject.labels[i] for i in classes]
        shares = [f"{share(before[i].item())} → {share(after[i].item())}" for i in classes]
        assert re.findall(r"<span>([^<]+ → [^<]+)</span>", page) == shares
        first, then = (subject.labels[int(p.argmax())] for p in (before, after))
        assert (f"<b>{first}</b> → <b>{then}</b>" if first != then else f"still <b>{first}</b>") in page
    with pytest.raises(gr.Error, match=f"source must be 0 to {last_layer}, got {last_layer + 1}"):
        view.switch_off(SETTINGS, photo, ASKED, 4, "zero", last_layer + 1)


def test_the_asked_class_is_always_among_those_that_move() -> None:
    logits = torch.arange(12.0)
    assert view.moved_classes(Lesion(logits, logits.flip(0)), 5) == [11, 10, 9, 8, 7, 0, 1, 2, 3, 4, 5]
    assert view.moved_classes(Lesion(logits[:3], logits[:3]), 0) == [2, 1, 0]
    page = view.moved_page(Lesion(logits[:2], logits[:2]), ("<i>", "b"), 0, "layer 1")
    assert "still <b>b</b>" in page
    assert "<i>" not in page


def test_each_reader_alone(photo: Image.Image) -> None:
    subject = subject_of(SETTINGS, photo, ASKED)
    expected = lesion_map(subject.model, subject.x, 5, 2)
    panel, line = list(view.each_reader(SETTINGS, photo, ASKED, 2, "zero", VISITOR))[-1]
    *_, cells = json.loads(panel)["figures"][0]["data"]
    assert "With everything on" in line
    for drawn, row in zip(cells["z"], expected.cells, strict=True):
        for value, change in zip(drawn, row, strict=True):
            assert value == (None if change is None else pytest.approx(100 * change.probability, abs=1e-4))
    scale = json.loads(panel)["figures"][0]["layout"]["coloraxis"]
    assert scale["cmax"] == -scale["cmin"] == pytest.approx(max(abs(v) for row in cells["z"] for v in row if v is not None), abs=1e-3)


def test_work_that_is_given_up_says_so(photo: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    real = lesion_map

    def given_up(*args: Any, **options: Any) -> Any:
        cancel_explaining(VISITOR)
        return real(*args, **options)

    monkeypatch.setattr("densenet.features.lesion.lesion_map", given_up)
    assert list(view.each_reader(SETTINGS, photo, ASKED, 2, "zero", VISITOR))[-1] == (gr.skip(), '<div class="hint">Stopped.</div>')
    assert last(photo)[-1] == '<div class="hint">Stopped.</div>'


def test_progress_is_told_and_refusals_reach_the_page(photo: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = 1 + subject_of(SETTINGS, photo, ASKED).model.config.block_config[0]
    runs = sources * (sources + 1) // 2 + sources  # each source for each of its readers, and for all of them
    lines = [line for _, line in view.each_reader(SETTINGS, photo, ASKED, 1, "zero", VISITOR)]
    assert all(re.search(rf">\d+ of {runs} runs …<", line) for line in lines[:-1])
    monkeypatch.setattr("densenet.features.lesion.MAX_EXPECTED_SECONDS", 0.0)
    with pytest.raises(gr.Error, match=f"Not run: {runs} forward passes"):
        list(view.each_reader(SETTINGS, photo, ASKED, 1, "zero", VISITOR))
    monkeypatch.undo()
    with pytest.raises(gr.Error, match="by must be one of zero, mean, got 'noise'"):
        last(photo, by="noise")
