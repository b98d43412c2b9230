"""Whatever is filled into a template is text: no name of a net, a device or a source becomes markup."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import pytest

from densenet import presets, published
from densenet.compare import peers
from explorer.components.bar_table import Cell, Row, bar_table
from explorer.components.templates import template_of
from explorer.page.headline import headline
from explorer.page.numbers import Numbers
from explorer.page.page_state import preset_state
from explorer.tabs.architecture import tab as architecture
from explorer.tabs.compare import tables
from explorer.tabs.memory import tab as memory

EVIL = '<b onclick="x">&\'"'
TINY = preset_state("tiny")


class Read(HTMLParser):
    """What a browser makes of a piece of HTML: its text, its attributes, and the tags that are open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.attributes, self.open = "", [], []  # type: str, list[str], list[str]
        self.feed(text)
        self.close()
        assert self.open == [], "every tag is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not any(name.startswith("on") for name, _ in attrs), "markup was filled in"
        self.attributes += [value or "" for _, value in attrs]
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def evil_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tiny", "densenet121"):
        monkeypatch.setitem(presets.PRESET_LABELS, name, EVIL)
    monkeypatch.setitem(peers.PEERS, "resnet18", EVIL)
    for name in ("tiny", "densenet121"):
        monkeypatch.setitem(published.PUBLISHED, name, replace(published.PUBLISHED["densenet121"], source=EVIL))


@pytest.mark.usefixtures("evil_names")
def test_names_are_text_in_every_table_and_card() -> None:
    shown, pinned = Numbers(TINY), Numbers(preset_state("densenet121"))
    measured = memory.Measured(TINY.config, TINY.workload, 2**20, 0.5, 2.0, EVIL)
    refused = {tables.key("resnet18", TINY, "train"): EVIL}
    pieces = {
        "line": architecture.published(shown, pinned),
        "differences": tables.difference_table(pinned.state, TINY),
        "peers": tables.peers_table(TINY, pinned.state, refused),
        "bars": bar_table([EVIL], [Row(EVIL, [], title=EVIL)]) + bar_table(["", EVIL], [Row("", [Cell(EVIL, None, EVIL, EVIL)])]),
    }
    for name, piece in pieces.items():
        read = Read(piece)
        assert EVIL in read.text, name
    assert Read(pieces["peers"]).attributes.count(EVIL) == 1, "why a measurement was refused"
    assert Read(pieces["bars"]).attributes.count(EVIL) == 2
    assert EVIL in Read(memory._verdict(TINY, 2**20, (measured,), None)).attributes


def test_all_pieces_are_well_formed() -> None:
    shown = Numbers(TINY)
    for piece in (
        headline(shown),
        architecture.published(shown),
        memory._verdict(TINY, 2**20, (), 2.0),
        tables.ablation_table(TINY),
        tables.tutorials_table(0.8 * 2**30, {}),
    ):
        Read(piece)


def test_a_template_misses_nothing(tmp_path: Path) -> None:
    (tmp_path / "piece.html").write_text("<i>{{ word }}</i>", encoding="utf-8")
    piece = template_of(tmp_path / "piece.html")
    assert piece.render(word="<") == "<i>&lt;</i>"
    with pytest.raises(jinja2.UndefinedError):
        piece.render()
