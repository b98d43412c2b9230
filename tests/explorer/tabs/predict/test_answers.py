"""The answers' script says what the library says: the same shares, in the same words, at every temperature."""

from __future__ import annotations

import json
import math
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from densenet.predict import TEMPERATURE_RANGE, best_of
from densenet.weights.loading import load
from explorer.components.formatting import share
from explorer.components.scripts import script_of
from explorer.tabs.predict import answers
from explorer.tabs.predict.answers import answer_of, answers_value

STUBS = """
const asked = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
class Part {
  constructor(tag) { Object.assign(this, {tag, children: [], listeners: {}, attributes: {}, style: {}, dataset: {}, textContent: ''}); }
  append(...parts) { this.children.push(...parts); }
  replaceChildren(...parts) { this.children = parts; }
  querySelector(name) { return named[name] ??= new Part(name); }
  setAttribute(name, value) { this.attributes[name] = value; }
  addEventListener(name, listener) { this.listeners[name] = listener; }
  all(name) { return this.children.flatMap((child) => [...(child.className?.startsWith(name) ? [child] : []), ...child.all(name)]); }
}
const named = {'.temperature input': Object.assign(new Part(), {value: '0'})};
globalThis.document = {createElement: (tag) => new Part(tag)};
const props = {value: asked.value}, clicked = [];
const script = new Function('element', 'props', 'watch', 'trigger', asked.script + '; return {softmax, written};');
const {softmax, written} = script(new Part('div'), props, () => {}, (name, data) => clicked.push([name, data]));
const input = named['.temperature input'];
const shown = asked.turns.map((turn) => {
  input.value = String(turn);
  input.listeners.input();
  const rows = named['.answers'].all('class-row');
  return {
    at: named['.temperature output'].textContent,
    rows: rows.map((row) => [row.children[1].textContent, row.children[2].textContent, row.children[0].style.width]),
    chosen: rows.map((row) => row.attributes['aria-pressed'] === 'true'),
  };
});
if (asked.value) { named['.answers'].all('class-row')[asked.click].listeners.click(); }
const pressed = named['.answers'].all('class-row').map((row) => row.attributes['aria-pressed'] === 'true');
input.listeners.dblclick();
const softmaxes = asked.softmax.map(([logits, temperature]) => softmax(logits, temperature));
console.log(JSON.stringify({shown, clicked, pressed, reset: Number(input.value), softmax: softmaxes, written: asked.written.map(written)}));
"""


def run(value: str = "", turns: list[float] | None = None, click: int = 0, **asked: Any) -> dict[str, Any]:
    """What the script shows of `value`, and what its functions say."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the script of the answers is run in the browser's tests only")
    script = script_of(Path(answers.__file__).with_suffix(".js"))
    sent = {"script": script, "value": value, "turns": turns or [], "click": click, "softmax": [], "written": [], **asked}
    done = subprocess.run([node, "-e", STUBS], input=json.dumps(sent), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def column() -> tuple[dict[str, object], torch.Tensor]:
    model = load("cifar10")
    logits = torch.tensor([2.0, -1.0, 8.5, 3.0, 3.0, 0.25, -4.0, 1.0, 0.0, 5.0])
    return answer_of("cifar10", model, Image.new("RGB", (32, 32)), logits, 0.012), logits


def test_softmax_is_torchs() -> None:
    draw = random.Random(5)
    logits = [[draw.uniform(-60, 60) for _ in range(draw.choice((1, 2, 10, 1000)))] for _ in range(60)] + [[1e4, -1e4], [0.0] * 7]
    temperatures = [math.exp(draw.uniform(*map(math.log, TEMPERATURE_RANGE))) for _ in logits]
    said = run(softmax=list(zip(logits, temperatures, strict=True)))["softmax"]
    for row, temperature, probabilities in zip(logits, temperatures, said, strict=True):
        expected = (torch.tensor(row, dtype=torch.float64) / temperature).softmax(0)
        torch.testing.assert_close(torch.tensor(probabilities, dtype=torch.float64), expected, rtol=1e-9, atol=1e-15)


def test_shares_are_written_as_everywhere() -> None:
    draw = random.Random(6)
    values = [0.0, 1.0, 0.5, 0.0005, 0.00049999, 1e-9, 0.99949, 0.9996] + [draw.random() ** draw.choice((1, 3, 9)) for _ in range(3000)]
    assert run(written=values)["written"] == [share(value) for value in values]


def test_rows_are_the_librarys_predictions_at_every_temperature(column: tuple[dict[str, object], torch.Tensor]) -> None:
    words, logits = column
    turns = [-1.0, -0.5, 0.0, 0.3, 1.0]
    page = run(answers_value([words], "cifar10", 9), turns)
    for turn, shown in zip(turns, page["shown"], strict=True):
        best = best_of(load("cifar10"), logits, 5, 10**turn)
        assert shown["at"] == f"{10**turn:.2f}"
        assert [row[:2] for row in shown["rows"]] == [[one.label, share(one.probability)] for one in best]
        assert [float(row[2].removesuffix("%")) for row in shown["rows"]] == pytest.approx(
            [max(0.5, 100 * one.probability) for one in best], abs=1e-3
        )
        assert [row[0] for row, chosen in zip(shown["rows"], shown["chosen"], strict=True) if chosen] == ["truck"]
    assert page["reset"] == 0


def test_a_click_chooses_a_class_of_its_net(column: tuple[dict[str, object], torch.Tensor]) -> None:
    words, _ = column
    page = run(answers_value([words, {**words, "key": "other"}], "cifar10", 2), click=6)
    assert page["clicked"] == [["click", {"net": "other", "index": 9}]]
    assert page["pressed"] == [i == 6 for i in range(10)]


def test_a_column_says_what_is_known_of_the_net(column: tuple[dict[str, object], torch.Tensor]) -> None:
    words, logits = column
    record = load("cifar10").weights
    assert record is not None
    assert words["line"] == f"{record.params:,} parameters · 12\u00a0ms · {record.top1_accuracy:.1f} % top-1"
    assert str(words["claim"]).startswith(f"{record.top1_accuracy:.1f} % right on {record.accuracy_on}.")
    assert words["logits"] == pytest.approx(logits.tolist())
    assert words["unsure"] == ""
    model = load("cifar10")
    flat = answer_of("cifar10", model, Image.new("RGB", (32, 32)), torch.zeros(10), 0.5)
    assert "Unsure: 10.0\u00a0% at best, entropy 100.0\u00a0% of the most possible" in str(flat["unsure"])
