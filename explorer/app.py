"""The whole page: sidebar, headline, tabs, and the one handler that answers the sliders."""

from __future__ import annotations

import functools
from contextlib import suppress
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from explorer import api
from explorer.components import colours, theme
from explorer.components.chart_panel import PLOTLY_JS, PLOTLY_PRELOAD
from explorer.components.messages import Page, corrections, explained, message, problem
from explorer.components.scripts import function_of
from explorer.page import controls, headline, layer_card, live, pin, sidebar
from explorer.page.address import from_query, pinned_from_query, to_query
from explorer.page.numbers import Numbers, numbers_beside
from explorer.page.page_state import DEFAULT_PRESET, preset_state
from explorer.page.shared import Seen, Shared
from explorer.settings import Settings
from explorer.tabs.architecture import tab as architecture
from explorer.tabs.compare import tab as compare
from explorer.tabs.layers import tab as layers
from explorer.tabs.memory import tab as memory
from explorer.tabs.predict import tab as predict
from explorer.tabs.structure import tab as structure
from explorer.tabs.train import tab as train
from explorer.work import cancelling
from explorer.work.handlers import bound
from explorer.work.queues import LIVE, at_once, latest

TITLE = "DenseNet explorer"
STYLES = (  # in the order of the cascade: components, the frame, the tabs, what other screens change
    "components/bar_table.css",
    "components/chart_panel.css",
    "components/map_panel.css",
    "page/page.css",
    "tabs/compare/compare.css",
    "tabs/layers/layers.css",
    "tabs/memory/memory.css",
    "tabs/predict/predict.css",
    "tabs/structure/structure.css",
    "tabs/train/train.css",
    "page/screens.css",
)
_OPENED = function_of(Path(__file__).with_suffix(".js"), "")
_FOLDED = {  # the tabs on which the sliders are out of the way, and what they have to do with them
    predict.TITLE: "Predict asks trained nets, which these sliders do not change.",
    train.TITLE: "Train trains this net, unless it is told to start from a trained one.",
}
TABS = (architecture.TITLE, structure.TITLE, memory.TITLE, compare.TITLE, layers.TITLE, predict.TITLE, train.TITLE)


def _tiles(shown: Numbers, pinned: Numbers | None = None, active: str = architecture.TITLE) -> dict[str, str]:
    """What the headline holds: the tiles, the address and the open tab."""
    query = to_query(shown.state, pinned.state if pinned else None)
    return {"tiles": headline.headline(shown, pinned), "query": query, "tab": "" if active == architecture.TITLE else active}


def _page(settings: Settings, active: str, taken: memory.Taken, seen: Seen) -> list[Any]:
    """Return headline and charts; those of the memory tab are drawn only while somebody looks at them."""
    shown, pinned = Numbers(seen.state), numbers_beside(seen.pinned) if seen.pinned else None
    step = memory.show(settings, shown, pinned, seen.allowance_gib, taken) if active == memory.TITLE else gr.skip()
    return [_tiles(shown, pinned, active), architecture.show(shown, pinned), step]


def update(request: gr.Request, settings: Settings, active: str, taken: memory.Taken, *values: Any) -> list[Any]:
    """Answer the sliders: from what the page showed and the sidebar's values to states, headline, charts and message.

    What is not valid changes only the message.
    """
    kept = [gr.skip()] * 5
    before, sidebar = Seen(*values[: len(Seen._fields)]), values[len(Seen._fields) :]
    try:
        state = controls.read(sidebar)
    except ValueError as error:
        return [*kept, problem(str(error))]
    smallest = state.config.smallest_image_size
    if state.workload.image_size < smallest:
        why = f"An input of {state.workload.image_size} pixels is too small for these {len(state.config.block_config)} blocks."
        return [*kept, problem(why, f"Use {smallest} × {smallest}, the smallest that works")]
    live.want(request.session_hash, state.config, state.workload.image_size)
    return [state.config, state.workload, *_page(settings, active, taken, before.showing(state)), ""]


def toggle_pin(settings: Settings, active: str, taken: memory.Taken, *values: Any) -> list[Any]:
    """Pin the net of the sliders, or let go of the pinned one; returns the pinned net, its button, headline and charts.

    The sliders may have moved since the page was last computed; where they say nothing valid, it is the net that the page shows.
    """
    before, sidebar = Seen(*values[: len(Seen._fields)]), values[len(Seen._fields) :]
    with suppress(ValueError):
        state = controls.read(sidebar)
        if state.workload.image_size >= state.config.smallest_image_size:
            before = before.showing(state)
    now = before._replace(pinned=None if before.pinned else before.state)
    return [now.pinned, pin.button(now.pinned), *_page(settings, active, taken, now)]


@explained
def smallest_size(*values: Any) -> int:
    """Return the smallest input that the net of the sliders accepts, for the input slider."""
    return controls.read(values).config.smallest_image_size


def choose_preset(preset: str) -> list[Any]:
    """Return the sidebar of an untouched preset."""
    return controls.shown(preset_state(preset))


def open_address(settings: Settings, allowance_gib: float | None, request: gr.Request) -> list[Any]:
    """Return the whole page for an opened address: sidebar, pinned net and its button, tab, headline, charts; and what had to be changed.

    No slider moves where the address has only a pinned net, so nobody else would draw the charts with its outline.
    """
    query = dict(request.query_params or {})
    state, problems = from_query(query)
    pinned, more = pinned_from_query(query)
    tab = query.get("tab", architecture.TITLE)
    if tab not in TABS:
        more = [*more, f"There is no tab called {tab[:24]!r}."]
        tab = architecture.TITLE
    seen = Seen(state.preset, state.config, state.workload, pinned, allowance_gib)
    page, said = _page(settings, tab, (), seen), corrections([*problems, *more])
    return [*controls.shown(state), pinned, pin.button(pinned), gr.Tabs(selected=tab), tab, *page, said]


def open_tab(event: gr.SelectData, *seen: Any) -> tuple[str, dict[str, str]]:
    """Return the tab that was opened, and the address with it."""
    active, now = str(event.value), Seen(*seen)
    return active, _tiles(Numbers(now.state), numbers_beside(now.pinned) if now.pinned else None, active)


@explained
def try_net(settings: Settings, known: list[tuple[str, str]], *seen: Any) -> list[Any]:
    """Return Predict's nets with the one that was trained last, that tab, its title, and the address with it."""
    now = Seen(*seen)
    tiles = _tiles(Numbers(now.state), numbers_beside(now.pinned) if now.pinned else None, predict.TITLE)
    return [train.tried_net(settings, known), gr.Tabs(selected=predict.TITLE), predict.TITLE, tiles]


def create_app(settings: Settings | None = None) -> gr.Blocks:
    """Return the app; `launch` it with no argument, or with any of Gradio's, which then win over the app's own."""
    settings, state = settings or Settings(), preset_state(DEFAULT_PRESET)
    shown = numbers_beside(state)
    gr.set_static_paths([PLOTLY_JS])
    with Page(title=TITLE, fill_width=True, analytics_enabled=False, delete_cache=(3600, 7200)) as app:
        config, workload, active = gr.State(state.config), gr.State(state.workload), gr.State(architecture.TITLE)
        bar = sidebar.build(state, _FOLDED)
        tiles = headline.build(_tiles(shown))
        with gr.Row(elem_id="strip"):
            strip = gr.HTML(live.WAITING, elem_id="live")
            pinned, pin_button = pin.build()
        corrected, notice = message("corrections"), message("notices")
        page = Shared(settings, bar, config, workload, pinned, memory.allowance(), active, headline.at_rest(tiles))
        with gr.Tabs() as tabs:
            with gr.Tab(architecture.TITLE, id=architecture.TITLE):
                charts = architecture.build(shown)
            with gr.Tab(structure.TITLE, id=structure.TITLE) as tab:
                structure.build(page, tab)
            with gr.Tab(memory.TITLE, id=memory.TITLE) as tab:
                memory_charts, taken = memory.build(page, tab)
            with gr.Tab(compare.TITLE, id=compare.TITLE) as tab:
                compare.build(page, tab)
            with gr.Tab(layers.TITLE, id=layers.TITLE) as tab:
                layers.build(page, tab)
            with gr.Tab(predict.TITLE, id=predict.TITLE) as tab:
                brought, asked_nets = predict.build(settings, tab)
            with gr.Tab(train.TITLE, id=train.TITLE) as tab:
                tried = train.build(page, tab, brought)
        kept_step, kept_card = layer_card.build()
        api.build(settings)
        _wire_sidebar(page, [active, taken, *page.seen], [config, workload, tiles, charts, memory_charts, notice])
        notice.repair(smallest_size, bar.values, bar["image_size"], api_name="repair", **at_once())
        pin_button.click(
            bound(toggle_pin, settings),
            [active, taken, *page.seen, *bar.values],
            [pinned, pin_button, tiles, charts, memory_charts],
            api_name="pin",
            **at_once(),
        )
        tabs.select(open_tab, page.seen, [active, tiles], api_name="open_tab", **at_once())
        leads = [asked_nets, tabs, active, tiles]
        tried.click(bound(try_net, settings), [brought, *page.seen], leads, api_name="try_net", **at_once())
        opened = [*bar.outputs, pinned, pin_button, tabs, active, tiles, charts, memory_charts, corrected]
        load = app.load(bound(open_address, settings), page.allowance, opened, api_name="open_address", **at_once())
        load.then(None, None, None, js=_OPENED, api_visibility="private")
        page.rest(bound(live.follow, settings), [config, workload], strip, api_name="live", **latest(LIVE))
        net = [config, workload]
        kept_card.keep(layer_card.keep, net, [kept_step, kept_card], api_name="keep_step", **at_once())
        page.rest(layer_card.follow, [kept_step, *net], kept_card, api_name="follow_step", **at_once())
        app.unload(live.forget)
        app.unload(cancelling.leave)
    app.launch = functools.partial(app.launch, **launch_settings(settings))
    return app


def _wire_sidebar(page: Shared, states: list[gr.components.Component], outputs: list[gr.components.Component]) -> None:
    """Have the sidebar's values answered by `update`, and its buttons by the sidebar itself."""
    bar, quick = page.bar, at_once()
    answer = bound(update, page.settings)
    gr.on(bar.triggers, answer, [*states, *bar.values], outputs, trigger_mode="always_last", api_name="update", **quick)
    bar["preset"].input(choose_preset, bar["preset"], bar.outputs, api_name="choose_preset", **quick)
    bar.reset.click(choose_preset, bar["preset"], bar.outputs, api_name="reset", **quick)
    changed = [*bar.blocks, bar.add_block, bar.remove_block]
    again: dict[str, Any] = quick | {"trigger_mode": "always_last"}  # a second click before the first is answered counts
    bar.add_block.click(controls.one_block_more, bar.blocks, changed, api_name="add_block", **again)
    bar.remove_block.click(controls.one_block_less, bar.blocks, changed, api_name="remove_block", **again)
    bar.wide.input(controls.with_wide, [bar.wide, *bar.values], bar.outputs, api_name="wide_ranges", **quick)


def launch_settings(settings: Settings) -> dict[str, Any]:
    """What every launch of the app uses: its look, the folder of trainings, and nothing that speaks to another host."""
    return {
        "theme": theme.theme(),
        "css": f"{colours.css_variables()}\n{theme.css_variables()}",
        "css_paths": [Path(__file__).parent / name for name in STYLES],
        "head": PLOTLY_PRELOAD,
        "allowed_paths": [str(settings.runs_dir)],  # a trained net is offered from where it lies
        "app_kwargs": {"middleware": [Middleware(cancelling.AskedAt)]},
        "run_history": False,
        "footer_links": [],
        "max_file_size": "256mb",
        "enable_monitoring": False,
        "share": False,
        "show_error": False,
    }
