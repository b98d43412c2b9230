"""The main way through the app, walked by a real headless Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlparse

import numpy as np
import psutil
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from densenet import DenseNetConfig, totals
from densenet.arithmetic.costs import steps
from densenet.weights.known import ASSETS
from explorer.components.formatting import short
from explorer.page.address import from_query
from explorer.page.page_state import PageState
from tests.support.bad_photos import write_accepted, write_extreme, write_refused
from tests.support.serving import served

pytestmark = pytest.mark.browser

SLIDERS = {  # label -> where its value stands in the page's state
    "Growth rate k": lambda s: s.config.growth_rate,
    "Block 1 layers": lambda s: s.config.block_config[0],
    "Block 2 layers": lambda s: s.config.block_config[1],
    "Block 3 layers": lambda s: s.config.block_config[2],
    "Block 4 layers": lambda s: s.config.block_config[3],
    "Bottleneck bn_size (0: none)": lambda s: s.config.bn_size,
    "Compression θ": lambda s: s.config.compression,
    "Input size, pixels": lambda s: s.workload.image_size,
    "Batch size": lambda s: s.workload.batch_size,
    "Stem width": lambda s: s.config.num_init_features,
    "Dropout": lambda s: s.config.drop_rate,
}
_SUMS = """() => [...document.querySelectorAll('#architecture .js-plotly-plot')].filter((c) => c.data).map((chart) =>
  chart.data.filter((t) => !t.yaxis || t.yaxis === 'y').reduce((sum, t) => sum + Array.from(t.y).reduce((a, b) => a + b, 0), 0))"""


class Visit:
    """A page, and what went wrong on it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.problems: list[str] = []
        page.on("console", lambda message: self.problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._own_host_only)

    def _own_host_only(self, request: Any) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.problems.append(f"request to {request.url}")

    def open(self, query: str = "") -> Page:
        self.page.goto(f"{self.url}{query}")
        self.page.wait_for_function("document.querySelectorAll('.js-plotly-plot path').length > 3")
        return self.page

    def state(self) -> PageState:
        """What the address says."""
        state, problems = from_query(dict(parse_qsl(urlparse(self.page.url).query)))
        assert problems == []
        return state

    def shows(self, state: PageState) -> None:
        """Wait until address, headline and charts all show `state`."""
        stages = steps(state.config, state.workload.image_size)
        sums = [sum(s.inherited + s.new for s in stages), sum(s.params for s in stages), sum(s.macs for s in stages)]
        self.page.wait_for_function(f"JSON.stringify(({_SUMS})()) === '{str(sums).replace(' ', '')}'", timeout=8000)
        expect(self.page.locator("#headline .tile-value").first).to_have_text(short(totals(state.config, state.workload.image_size).params))
        self.page.wait_for_function("query => location.search.includes(query)", arg=_query(state), timeout=4000)


def _query(state: PageState) -> str:
    from explorer.page.address import to_query

    return to_query(state)


@pytest.fixture
def visit(browser: Browser, server: tuple[str, int]) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1280, "height": 720}, accept_downloads=True)
    current = Visit(context.new_page(), server[0])
    yield current
    context.close()
    assert current.problems == []


def _slider(page: Page, label: str) -> Locator:
    return page.get_by_label(f"range slider for {label}")


def _moved(visit: Visit, label: str) -> PageState:
    """The state after the slider `label` came to rest, as the address tells it, checked against what the page draws."""
    number = visit.page.get_by_label(f"number input for {label}")
    for _ in range(80):
        visit.page.wait_for_timeout(100)
        state = visit.state()
        if float(number.input_value()) == pytest.approx(SLIDERS[label](state)):
            break
    else:
        pytest.fail(f"{label} shows {number.input_value()}, the address {visit.page.url}")
    visit.shows(state)
    return state


def test_first_page(visit: Visit) -> None:
    page = visit.open()
    expect(page.locator(".published")).to_contain_text("✓ 7,978,856")
    expect(page.locator(".published")).to_contain_text("✓ 2.834 GMACs")
    live = page.locator("#live")
    expect(live).to_contain_text("7,978,856 parameters ✓ as planned", timeout=30_000)
    expect(live).to_contain_text("1 × 3 × 224² → 1 × 1000")
    expect(live).to_contain_text("CPU")


@pytest.mark.parametrize("label", SLIDERS)
def test_slider_by_keyboard_and_by_drag(visit: Visit, label: str) -> None:
    page = visit.open()
    if label in ("Stem width", "Dropout"):
        page.get_by_text("Stem, dropout, channels, classes").click()
    slider = _slider(page, label)
    before = SLIDERS[label](from_query({})[0])
    slider.focus()
    for _ in range(3):
        slider.press("ArrowRight")
    assert SLIDERS[label](_moved(visit, label)) > before
    box = slider.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.2 * box["width"], middle)
    page.mouse.down()
    for i in range(20):  # faster than anything can be drawn: the last state must be right all the same
        page.mouse.move(box["x"] + (0.2 + 0.03 * i) * box["width"], middle)
    page.mouse.up()
    after = _moved(visit, label)
    assert SLIDERS[label](after) > before


def test_preset_and_reset(visit: Visit) -> None:
    page = visit.open()
    page.get_by_label("Preset").click()
    page.get_by_role("option", name="CIFAR-BC, L=100, k=12").click()
    bc = from_query({"preset": "densenet_bc_100_12"})[0]
    visit.shows(bc)
    expect(page.locator(".published")).to_contain_text("✓ 0.8 M")
    _slider(page, "Growth rate k").press("ArrowRight")
    visit.shows(replace(bc, config=replace(bc.config, growth_rate=13)))
    expect(page.locator("#headline")).to_contain_text("vs preset")
    page.locator("#reset").click()
    visit.shows(bc)


def test_blocks_are_added_and_removed(visit: Visit) -> None:
    page = visit.open("?preset=densenet121&size=512")
    state = from_query({"size": "512"})[0]
    for _ in range(4):
        blocks = (*state.config.block_config, state.config.block_config[-1])
        state = replace(state, config=replace(state.config, block_config=blocks))
        page.locator("#add-block").click()
        visit.shows(state)
    expect(page.locator("#add-block")).to_be_disabled()
    expect(_slider(page, "Block 8 layers")).to_be_visible()
    while len(state.config.block_config) > 1:
        state = replace(state, config=replace(state.config, block_config=state.config.block_config[:-1]))
        page.locator("#remove-block").click()
        visit.shows(state)
    expect(page.locator("#remove-block")).to_be_disabled()


def test_too_small_an_input_keeps_the_charts_and_offers_the_smallest(visit: Visit) -> None:
    page = visit.open()
    before = page.evaluate(_SUMS)
    slider = _slider(page, "Input size, pixels")
    slider.press("Home")
    expect(page.locator("#notices .notice")).to_contain_text("too small for these 4 blocks")
    assert page.evaluate(_SUMS) == before
    page.locator("#notices .repair").click()
    start = from_query({})[0]
    visit.shows(replace(start, workload=replace(start.workload, image_size=29)))
    expect(page.locator("#notices .notice")).to_have_count(0)


def test_a_link_shows_the_same_page_elsewhere(visit: Visit) -> None:
    page = visit.open("?preset=densenet201&k=100&blocks=3-4-5&bn=0&theta=0.33&stem=cifar&size=64&batch=8&classes=37&in=1&drop=0.2&init=20")
    config = DenseNetConfig(
        growth_rate=100,
        block_config=(3, 4, 5),
        bn_size=0,
        compression=0.33,
        stem="cifar",
        num_classes=37,
        in_channels=1,
        drop_rate=0.2,
        num_init_features=20,
    )
    state = from_query({})[0]
    visit.shows(PageState("densenet201", config, replace(state.workload, image_size=64, batch_size=8)))
    expect(page.locator("#corrections .notice")).to_have_count(0)


def test_rubbish_in_the_address_is_answered(visit: Visit) -> None:
    page = visit.open("?preset=<b>x</b>&k=abc&blocks=99999-nan&bn=1e400&theta=-3&stem=%00&size=2&batch=∞&zz=1")
    notice = page.locator("#corrections .notice")
    expect(notice).to_contain_text("k='abc' is not a whole number from 1 to 512: 32 is shown instead.")
    expect(notice).to_contain_text("<b>x</b>")  # as text, not as markup
    visit.page.wait_for_timeout(800)
    visit.shows(visit.state())
    page.get_by_label("Dismiss").click()
    expect(notice).to_have_count(0)


def test_layers_table_follows_and_is_saved(visit: Visit, tmp_path: Path) -> None:
    page = visit.open("?preset=tiny")
    page.get_by_role("tab", name="Layers").click()
    table = page.locator("#layers-table")
    expect(table).to_contain_text("features.denseblock1.denselayer2.cat")
    _slider(page, "Growth rate k").press("ArrowRight")
    expect(table).to_contain_text("900", timeout=8000)  # conv2 of the wider net: 20 × 5 × 3²
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    download.value.save_as(tmp_path / "layers.csv")
    lines = (tmp_path / "layers.csv").read_text().splitlines()
    config = replace(from_query({"preset": "tiny"})[0].config, growth_rate=5)
    assert sum(int(line.split(",")[-2]) for line in lines[1:]) == totals(config, 32).params
    page.get_by_role("button", name="torchinfo's summary").click()
    expect(page.locator("#torchinfo")).to_contain_text(f"Total params: {totals(config, 32).params:,}", timeout=20_000)


def test_memory_follows_the_sliders_and_one_step_is_measured(visit: Visit) -> None:
    page = visit.open("?preset=tiny&batch=4&opt=adam")
    page.get_by_role("tab", name="Memory").click()
    note = page.locator("#memory .note")
    expect(note).to_contain_text("Peak of a training step, 4 images")
    expect(note).to_contain_text("not measured yet")
    page.get_by_role("button", name="Measure one step").click()
    expect(note).to_contain_text("measured: error", timeout=60_000)
    error = re.search(r"error ([+-][\d.]+)", note.inner_text())
    assert error is not None
    assert abs(float(error[1])) <= 3
    _slider(page, "Batch size").press("ArrowRight")
    expect(note).to_contain_text("5 images")
    expect(note).to_contain_text("not measured yet")
    page.get_by_label("Checkpointing").click()
    page.get_by_role("option", name="of layers").click()
    page.wait_for_function("location.search.includes('ckpt=layer')")


def _drawn(page: Page, number: int) -> None:
    """Wait until that many maps are finished."""
    page.wait_for_function(
        "n => document.querySelectorAll('#maps canvas').length === n && !/waiting|computing|[0-9] %/.test("
        "[...document.querySelectorAll('#maps figcaption > span')].map((s) => s.textContent).join())",
        arg=number,
        timeout=60_000,
    )


_PIXELS = "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].reduce((a, b, i) => (a * 31 + b) % 1000003, 7)"


def test_predict_a_sample_and_its_maps(visit: Visit) -> None:
    page = visit.open("?tab=Predict")
    page.locator("#samples .gallery-item").nth(2).click()  # the beagle
    rows = page.locator(".class-row")
    expect(rows).to_have_count(5, timeout=30_000)
    expect(rows.first).to_contain_text("dog")
    _drawn(page, 3)
    expect(page.locator("#maps .map-head")).to_contain_text("Why dog?")
    first = page.locator("#maps canvas").first
    before = first.evaluate(_PIXELS)
    page.locator("#maps .opacity").fill("0")
    assert first.evaluate(_PIXELS) != before, "the map can be taken off the photo"
    page.locator("#maps .opacity").fill("1")
    assert first.evaluate(_PIXELS) == before
    first.hover()
    expect(page.locator("#maps .map-status")).to_contain_text(re.compile(r"Grad-CAM, column 1\d, row 1\d: -?\d"))
    with page.expect_download() as picture:
        page.locator("#maps .keep", has_text="PNG").first.click()
    with page.expect_download() as values:
        page.locator("#maps .keep", has_text=".npy").first.click()
    assert picture.value.suggested_filename == "dog-grad_cam.png"
    assert np.load(values.value.path()).shape == (32, 32)
    second = rows.nth(1).locator(".class-name").inner_text()
    rows.nth(1).click()
    expect(page.locator("#maps .map-head")).to_contain_text(f"Why {second}?", timeout=30_000)
    _drawn(page, 3)
    assert first.evaluate(_PIXELS) != before
    page.get_by_label("Temperature").fill("1")  # ten
    expect(rows.first).not_to_contain_text("74", timeout=2000)


def _bring(page: Page, *files: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Bring your own weights").click()
    chooser.value.set_files(files)


def test_two_nets_side_by_side_and_a_contrast(visit: Visit, tmp_path: Path) -> None:
    page = visit.open("?tab=Predict")
    page.locator("#samples .gallery-item").nth(10).click()  # the tabby
    expect(page.locator(".class-row").first).to_contain_text("cat", timeout=30_000)
    _bring(page, ASSETS / "cifar10.pth", ASSETS / "cifar10.json")
    expect(page.locator(".answer")).to_have_count(2, timeout=30_000)
    texts = [page.locator(".answer").nth(i).locator(".class-row").first.inner_text() for i in (0, 1)]
    assert texts[0] == texts[1], "the same weights, brought"
    page.get_by_label("Against").click()
    page.get_by_role("option", name="and not dog").click()
    expect(page.locator("#maps .map-head")).to_contain_text("Why cat and not dog?", timeout=30_000)
    bad = tmp_path / "bad.pth"
    bad.write_bytes(b"nothing")
    _bring(page, bad)
    expect(page.get_by_text("Cannot read bad.pth").first).to_be_visible(timeout=20_000)
    expect(page.locator(".answer")).to_have_count(2)


def test_film_strip_and_trust(visit: Visit) -> None:
    page = visit.open("?tab=Predict")
    page.locator("#samples .gallery-item").nth(2).click()
    _drawn(page, 3)
    page.get_by_role("tab", name="Film strip").click()
    expect(page.locator("#film canvas")).to_have_count(4, timeout=60_000)
    expect(page.locator("#film .scale-says")).to_have_text("one scale for all")
    page.get_by_role("tab", name="Trust").click()
    expect(page.locator("#checks .check")).to_have_count(4, timeout=60_000)
    expect(page.locator("#trust-map")).to_contain_text("Grad-CAM", timeout=30_000)
    expect(page.locator("#insertion-chart .js-line").first).to_be_visible(timeout=30_000)
    done = "document.querySelectorAll('#checks .check').length === 4 && !document.querySelector('#checks').textContent.includes('checking')"
    page.wait_for_function(done, timeout=90_000)
    before = page.locator("#checks").inner_text()
    page.locator(".class-row").nth(1).click()  # the open view follows
    page.wait_for_function(f"before => {done} && document.querySelector('#checks').innerText !== before", arg=before, timeout=90_000)


def test_each_map_asks_for_its_own_checks(visit: Visit) -> None:
    page = visit.open("?tab=Predict")
    page.locator("#samples .gallery-item").nth(2).click()
    _drawn(page, 3)
    for name in ("Saliency", "Integrated gradients", "Grad-CAM", "Saliency"):  # whatever the view judged before
        page.locator("#maps figure", has_text=name).get_by_role("button", name="Can it be trusted?").click()
        expect(page.locator("#trust-map figure")).to_contain_text(name, timeout=60_000)
        expect(page.get_by_label("Method", exact=True)).to_have_value(name)
        done = (
            "[...document.querySelectorAll('#checks .check')].length === 4 && !/checking/.test(document.querySelector('#checks').innerText)"
        )
        page.wait_for_function(done, timeout=90_000)
        expect(page.locator("#trust-map figure")).to_contain_text(name)
        page.get_by_role("tab", name="Maps", exact=True).click()
        _drawn(page, 3)


def test_a_net_without_its_weights_is_a_sentence_and_harms_nothing(visit: Visit) -> None:
    page = visit.open("?tab=Predict")
    page.locator("#samples .gallery-item").nth(10).click()
    expect(page.locator(".class-row").first).to_contain_text("cat", timeout=30_000)
    page.get_by_label("Nets, side by side").click()
    page.get_by_role("option", name=re.compile("DenseNet-121")).click()
    expect(page.get_by_text("The embedded net works without a network").first).to_be_visible(timeout=30_000)
    expect(page.locator(".class-row").first).to_contain_text("cat", timeout=30_000)


@pytest.fixture
def fresh_visit(browser: Browser) -> Iterator[tuple[Visit, psutil.Process]]:
    """A visit to a server of its own, so that its memory is nobody else's."""
    with served("-m", "explorer", "--offline", "--device", "cpu") as (url, pid):
        context = browser.new_context(viewport={"width": 1280, "height": 720})
        current = Visit(context.new_page(), url)
        yield current, psutil.Process(pid)
        context.close()
        assert current.problems == []


def test_bad_uploads_are_answered_and_the_next_one_works(fresh_visit: tuple[Visit, psutil.Process], tmp_path: Path) -> None:
    visit, process = fresh_visit
    page, most = visit.open(), 0
    page.get_by_role("tab", name="Predict").click()

    def upload(path: Path) -> None:
        clear = page.locator("#photo").get_by_label(re.compile("Clear|Remove"))
        if clear.count():
            clear.first.click()
        page.locator("#photo input[type=file]").set_input_files(str(path))

    for path in write_refused(tmp_path / "refused"):
        upload(path)
        expect(page.get_by_text(re.compile(f"Cannot read {re.escape(path.name)} as a photo")).first).to_be_visible(timeout=20_000)
        expect(page.locator(".class-row")).to_have_count(0)
        most = max(most, process.memory_info().rss)
    for path in write_accepted(tmp_path / "accepted"):
        upload(path)
        expect(page.locator(".class-row").first).to_contain_text("cat", timeout=20_000)
        most = max(most, process.memory_info().rss)
    for path in write_extreme(tmp_path / "extreme"):
        upload(path)
        expect(page.locator(".class-row")).to_have_count(5, timeout=20_000)
        most = max(most, process.memory_info().rss)
    assert most < 1.5e9  # 0.8e9 of them are Gradio and torch


def test_dark_mode_is_legible_in_every_tab(visit: Visit) -> None:
    page = visit.open("?__theme=dark")
    assert page.evaluate("document.body.classList.contains('dark')")
    title = page.locator("#growth-chart .ytick text").first
    colour = title.evaluate("(node) => getComputedStyle(node).fill")
    assert min(int(part) for part in re.findall(r"\d+", colour)[:3]) > 180, colour
    for tab in ("Memory", "Compare", "Layers", "Predict", "Train", "Architecture"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(300)


def test_zoom_survives_an_update(visit: Visit) -> None:
    page = visit.open()
    page.evaluate("Plotly.relayout(document.querySelector('#params-chart'), {'xaxis.range': [5, 20]})")
    page.evaluate("document.querySelector('#params-chart')._fullLayout && (document.querySelector('#params-chart').dataset.mark = 'same')")
    _slider(page, "Growth rate k").press("ArrowRight")
    start = from_query({})[0]
    visit.shows(replace(start, config=replace(start.config, growth_rate=33)))
    chart = page.locator("#params-chart")
    assert chart.get_attribute("data-mark") == "same"
    assert page.evaluate("document.querySelector('#params-chart')._fullLayout.xaxis.range") == [5, 20]


def test_small_window(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 800, "height": 600})
    page = visit.open()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(page.locator("#growth-chart")).to_be_visible()
    page.get_by_label("Toggle Sidebar").click()
    page.wait_for_timeout(800)
    widths = page.evaluate("[...document.querySelectorAll('.js-plotly-plot')].map((c) => [c.clientWidth, c._fullLayout.width])")
    assert all(abs(box - drawn) <= 1 for box, drawn in widths), widths


def test_nothing_is_smaller_than_fourteen_pixels(visit: Visit) -> None:
    page = visit.open()
    for tab in ("Architecture", "Memory", "Compare", "Layers", "Predict", "Train"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(800)
        small = page.evaluate("""() => [...document.querySelectorAll('body *')].filter((node) => {
            const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
            const box = node.getBoundingClientRect();
            return own && box.width > 1 && box.height > 1 && getComputedStyle(node).visibility !== 'hidden'
              && parseFloat(getComputedStyle(node).fontSize) < 13.9 && !['SCRIPT', 'STYLE'].includes(node.tagName);
          }).map((node) => `${node.tagName}.${node.className} ${getComputedStyle(node).fontSize}: ${node.textContent.slice(0, 30)}`)""")
        assert small == [], tab


def test_pinned_and_compared(visit: Visit) -> None:
    page = visit.open("?preset=tiny")
    page.get_by_role("button", name="Pin as A").click()
    expect(page.locator("#headline .tile-change").first).to_have_text("as A")
    page.get_by_label("number input for Growth rate k").fill("6")
    page.keyboard.press("Tab")
    expect(page.locator("#headline .tile-change").first).to_contain_text("vs A")
    page.wait_for_function("document.querySelector('#growth-chart').data.some((trace) => trace.name === 'A')")
    page.get_by_role("tab", name="Compare").click()
    expect(page.locator("#compare table.two")).to_contain_text("growth rate k")
    page.wait_for_function("location.search.includes('tab=Compare')")
    page.reload()
    expect(page.locator("#compare table.two")).to_contain_text("growth rate k", timeout=20_000)
    expect(page.get_by_role("button", name="Unpin A")).to_be_visible()
    page.get_by_label("Other nets").click()
    expect(page.locator("#compare table.bars")).to_contain_text("ResNet-50", timeout=30_000)  # torch and torchvision are imported first
    page.get_by_role("button", name="Measure memory").click()
    expect(page.locator("#compare table.bars")).not_to_contain_text("not measured", timeout=60_000)
    for view in ("B and C", "Accuracy", "Tutorials"):
        page.get_by_label(view, exact=True).click()
        place = {"B and C": "table.bars", "Accuracy": "#compared-right .js-line", "Tutorials": ".columns"}[view]
        expect(page.locator(f"#compare {place}").first).to_be_visible()
    page.get_by_role("link", name="Show it on the Memory tab").click()
    expect(page.locator("#batch-chart .shape-label").last).to_be_visible(timeout=20_000)
    assert visit.state().workload.batch_size == 64
    page.wait_for_function("document.querySelector('#batch-chart').textContent.includes('4065 MiB shown: 64')")


def test_a_training_is_watched(visit: Visit, tmp_path: Path) -> None:
    for name, base in (("dark", 40), ("light", 200)):
        folder = tmp_path / name
        folder.mkdir()
        for i in range(30):
            Image.fromarray(np.random.default_rng(i).integers(base - 30, base + 30, (16, 16, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    page = visit.open("?preset=tiny")
    page.get_by_role("tab", name="Train").click()
    page.get_by_label("Pictures").click()
    page.get_by_role("option", name="a folder of classes").click()
    page.get_by_label("Folder on this machine").fill(str(tmp_path))
    page.get_by_label("Size, px").fill("16")
    page.get_by_label("Epochs").fill("3")
    page.get_by_label("Batch", exact=True).fill("8")
    page.keyboard.press("Tab")
    expect(page.locator("#forecast")).to_contain_text("60 pictures", timeout=30_000)
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#training")).to_contain_text("finished", timeout=90_000)
    expect(page.locator("#confusion-chart .hm").first).to_be_visible()
    page.get_by_role("tab", name="Predict").click()
    page.wait_for_timeout(1000)
    page.get_by_label("Nets, side by side").click()
    expect(page.get_by_role("option", name=re.compile("trained here"))).to_be_visible()
