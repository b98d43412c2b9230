"""What a table of the page says, as people read it: rows of cells."""

from __future__ import annotations

from html.parser import HTMLParser


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.widths: list[list[float]] = []  # of the bars of each row, in percent
        self.classes: list[str] = []  # of each row
        self._inside = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "tr":
            self.rows.append([])
            self.widths.append([])
            self.classes.append(given.get("class", ""))
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._inside += 1
        elif tag == "i" and self._inside:
            self.widths[-1].append(float(given["style"].removeprefix("width:").removesuffix("%")))
        elif tag == "small" and self._inside:
            self.rows[-1][-1] += " | "

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._inside -= 1

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.rows[-1][-1] += data


def read_table(html: str) -> _Reader:
    """Return `rows`, `widths` and `classes` of every row of the tables in `html`; a note in small stands after " | "."""
    reader = _Reader()
    reader.feed(html)
    reader.rows = [[" ".join(cell.replace("\u00a0", " ").split()) for cell in row] for row in reader.rows]
    return reader
