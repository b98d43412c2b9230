"""The answers' script says what the library says: the same shares, in the same words, at every temperature."""

from __future__ import annotations

import copy
import json
import math
import random
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from densenet.model.outputs import shares
from densenet.predict import best_of
from densenet.record import ACTIVATIONS, TEMPERATURE_RANGE, Calibrated
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
  is(name) { return (this.className || '').split(' ').includes(name); }
  all(name) { return this.children.flatMap((child) => [...(child.is(name) ? [child] : []), ...child.all(name)]); }
}
const named = {'.temperature input': Object.assign(new Part(), {value: '0'})};
globalThis.document = {createElement: (tag) => new Part(tag)};
const props = {value: asked.value}, clicked = [];
const script = new Function('element', 'props', 'watch', 'trigger', asked.script + '; return {shares, written};');
const {shares, written} = script(new Part('div'), props, () => {}, (name, data) => clicked.push([name, data]));
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
if (asked.value) { named['.answers'].all('class-row')[asked.click].listeners.click?.(); }
const listed = (asked.list || []).map((text) => {
  const box = named['.answers'];
  const more = box.all('other-meaning').find((one) => /^all /.test(one.textContent));
  if (more) { more.listeners.click(); }
  const search = named['.answers'].all('class-search')[0];
  search.value = text;
  search.listeners.input();
  const words = (row) => [row.children[1].textContent, row.children[2].textContent, row.children.length > 3 ? row.title : ''];
  return {
    button: more ? more.textContent : '',
    rows: named['.answers'].all('class-row').map(words),
    hints: named['.answers'].all('class-rows')[0].children.filter((one) => one.is('hint')).map((one) => one.textContent),
  };
});
const pressed = named['.answers'].all('class-row').map((row) => row.attributes['aria-pressed'] === 'true');
input.listeners.dblclick();
const said = asked.shares.map((of) => shares(...of));
const written_ = asked.written.map(written);
console.log(JSON.stringify({shown, clicked, pressed, reset: Number(input.value), shares: said, written: written_, listed}));
"""


def run(value: str = "", turns: list[float] | None = None, click: int = 0, **asked: Any) -> dict[str, Any]:
    """What the script shows of `value`, and what its functions say."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the script of the answers is run in the browser's tests only")
    script = script_of(Path(answers.__file__).with_suffix(".js"))
    sent = {"script": script, "value": value, "turns": turns or [], "click": click, "shares": [], "written": [], **asked}
    done = subprocess.run([node, "-e", STUBS], input=json.dumps(sent), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def column() -> tuple[dict[str, object], torch.Tensor]:
    model = load("cifar10")
    logits = torch.tensor([2.0, -1.0, 8.5, 3.0, 3.0, 0.25, -4.0, 1.0, 0.0, 5.0])
    return answer_of("cifar10", model, Image.new("RGB", (32, 32)), logits, 0.012), logits


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_shares_are_the_librarys(activation: str) -> None:
    draw = random.Random(5)
    points = [None, 0.07, 0.5, 0.93]
    logits = [[draw.uniform(-60, 60) for _ in range(draw.choice((1, 2, 10, 1000)))] for _ in range(60)] + [[1e4, -1e4], [0.0] * 7]
    temperatures = [math.exp(draw.uniform(*map(math.log, TEMPERATURE_RANGE))) for _ in logits]
    said = run(shares=[[row, activation, t] for row, t in zip(logits, temperatures, strict=True)])["shares"]
    for row, temperature, values in zip(logits, temperatures, said, strict=True):
        expected = shares(torch.tensor(row, dtype=torch.float64), activation, temperature)
        torch.testing.assert_close(torch.tensor(values, dtype=torch.float64), expected, rtol=1e-9, atol=1e-15)
    four = [[draw.uniform(-9, 9) for _ in points] for _ in range(40)]
    for row, values in zip(four, run(shares=[[row, activation, 1.7, points] for row in four])["shares"], strict=True):
        expected = shares(torch.tensor(row, dtype=torch.float64), activation, 1.7, tuple(points))
        torch.testing.assert_close(torch.tensor(values, dtype=torch.float64), expected, rtol=1e-9, atol=1e-15)


def column_of(logits: list[float], activation: str, key: str = "brought-1", points: tuple[float | None, ...] = ()) -> dict[str, object]:
    model = copy.copy(load("cifar10"))
    assert model.weights is not None
    names = tuple(f"label {i}" for i in range(len(logits)))
    model.weights = replace(model.weights, activation=activation, classes=names, operating_points=points)
    return answer_of(key, model, Image.new("RGB", (32, 32)), torch.tensor(logits), 0.012)


def rows(column: dict[str, object]) -> list[list[str]]:
    """Names and shares as they are shown at temperature 1."""
    shown = run(answers_value([column], str(column["key"]), 0), [0.0])["shown"][0]["rows"]
    return [row[:2] for row in shown]


def test_labels_that_do_not_exclude_each_other_have_shares_of_their_own() -> None:
    column = column_of([-3.0] * 5 + [2.9, 2.87] + [-3.0] * 7, "sigmoid")
    assert rows(column)[:3] == [["label 5", "94.8\u00a0%"], ["label 6", "94.6\u00a0%"], ["label 0", "4.7\u00a0%"]]
    assert column["unsure"] == ""
    assert column["meaning"] == "labels are independent"
    assert column["other"] == "no, they exclude each other"
    assert "mean entropy of a label" in str(column_of([0.1] * 14, "sigmoid")["unsure"])
    assert column_of([-9.0] * 14, "sigmoid")["unsure"] == "", "that nothing is there is an answer"


@pytest.mark.parametrize(("logit", "expected"), [(6.0, [["label 0", "99.8\u00a0%"], ["not label 0", "0.2\u00a0%"]])])
def test_one_output_says_how_probable_it_is_and_is_not(logit: float, expected: list[list[str]]) -> None:
    column = column_of([logit], "sigmoid")
    assert rows(column) == expected
    assert rows(column_of([-logit], "sigmoid")) == [["not label 0", "99.8\u00a0%"], ["label 0", "0.2\u00a0%"]]
    assert column["meaning"] == "yes or no"
    assert column["other"] == "", "one output cannot exclude itself"


def test_numbers_are_shown_as_numbers() -> None:
    column = column_of([36.6125, -12.0], "none")
    assert rows(column) == [["label 0", "36.61"], ["label 1", "-12"]]
    assert column["unsure"] == ""


def test_all_classes_can_be_looked_at_and_searched() -> None:
    """Of a thousand only five could be clicked, whatever the README said."""
    draw = random.Random(7)
    logits = [draw.gauss(0, 3) for _ in range(1000)]
    column = column_of(logits, "softmax")
    best = sorted(range(1000), key=lambda i: -logits[i])
    everything, few, none = run(answers_value([column], "brought-1", 0), list=["", "Label 99", "zebra"])["listed"]
    assert everything["button"] == "all 1,000 classes"
    assert [row[0] for row in everything["rows"]] == [f"label {i}" for i in best[:200]]
    assert everything["hints"] == ["and 800 more: type a name to find one"]
    assert [row[0] for row in few["rows"]] == [f"label {i}" for i in best if str(i).startswith("99")]
    assert (none["rows"], none["hints"]) == ([], ["No class is called “zebra”."])
    five = run(answers_value([column], "brought-1", 0), [0.0])["shown"][0]["rows"]
    assert [row[0] for row in five] == [f"label {i}" for i in best[:5]]


def test_labels_have_their_operating_points_and_those_never_trained_come_last() -> None:
    logits = [9.0, -3.0, 1.0, -2.0, -9.0, -9.0, -9.0]
    column = column_of(logits, "sigmoid", points=(None, 0.07, 0.9, None, 0.5, 0.5, 0.5))
    (page,) = run(answers_value([column], "brought-1", 0), list=[""])["listed"]
    assert page["button"] == "all 7 labels"
    assert [row[0] for row in page["rows"]] == ["label 2", "label 1", "label 4", "label 5", "label 6", "label 0", "label 3"]
    assert [row[1] for row in page["rows"]][-2:] == ["never trained", "never trained"]
    assert page["rows"][1] == ["label 1", "33.9\u00a0%", "operating point 0.07: shown so that 50 % decides"]


def test_only_a_net_of_the_visitors_own_can_be_told_what_it_means() -> None:
    assert column_of([1.0, 2.0], "softmax")["other"] == "no, they are independent"
    assert column_of([1.0, 2.0], "softmax", "cifar10")["other"] == ""


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


def test_a_photo_that_is_far_from_the_training_pictures_is_called_foreign() -> None:
    model, view = load("cifar10"), Image.new("RGB", (32, 32))
    sure = torch.tensor([9.0] + [0.0] * 9)
    column = answer_of("cifar10", model, view, sure, 0.01, novelty=1.234)
    assert column["foreign"] is True
    said = "Foreign: stranger to this net than 95 % of pictures like those that it learnt from (1.23 times that limit)."
    assert str(column["unsure"]).startswith(said)
    assert "its 10 classes name, however sure the net is" in str(column["unsure"])
    for near in (None, 0.4, 1.0):
        column = answer_of("cifar10", model, view, sure, 0.01, novelty=near)
        assert (column["foreign"], column["unsure"]) == (False, "")


def test_a_calibrated_net_says_at_which_temperature_and_how_far_it_was_off() -> None:
    model, view = load("cifar10"), Image.new("RGB", (32, 32))
    assert model.weights is not None
    known = copy.copy(model)
    known.weights = replace(model.weights, calibrated=Calibrated(temperature=0.812, error=0.013, error_before=0.094))
    column = answer_of("cifar10", known, view, torch.zeros(10), 0.01)
    assert column["temperature"] == 0.81
    assert "off by 9.4\u00a0% on the mean, by 1.3\u00a0% at temperature 0.81." in str(column["claim"])
    known.weights = replace(model.weights, calibrated=None)
    assert answer_of("cifar10", known, view, torch.zeros(10), 0.01)["temperature"] is None
