"""The whole page: sidebar, headline, tabs, and the one handler that answers the sliders."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import gradio as gr

from densenet import DenseNetConfig, Workload
from explorer import api
from explorer.components import colours, theme
from explorer.components.chart_panel import PLOTLY_JS, PLOTLY_PRELOAD
from explorer.components.messages import corrections, explained, message, problem
from explorer.page import controls, headline, live, pin
from explorer.page.address import from_query, pinned_from_query, to_query
from explorer.page.page_state import DEFAULT_PRESET, PageState, preset_state
from explorer.settings import Settings
from explorer.tabs.architecture import tab as architecture
from explorer.tabs.compare import tab as compare
from explorer.tabs.layers import tab as layers
from explorer.tabs.memory import tab as memory
from explorer.tabs.predict import tab as predict
from explorer.tabs.train import tab as train
from explorer.work import cancelling
from explorer.work.queues import LIVE, at_once, latest

TITLE = "DenseNet explorer"
STYLES = (  # in the order of the cascade: components, the frame, the tabs
    "components/bar_table.css",
    "components/chart_panel.css",
    "components/map_panel.css",
    "page/page.css",
    "tabs/compare/compare.css",
    "tabs/layers/layers.css",
    "tabs/memory/memory.css",
    "tabs/predict/predict.css",
    "tabs/train/train.css",
)
TABS = (architecture.TITLE, memory.TITLE, compare.TITLE, layers.TITLE, predict.TITLE, train.TITLE)


def _numbers(state: PageState, pinned: PageState | None = None, active: str = architecture.TITLE) -> dict[str, str]:
    tab = "" if active == architecture.TITLE else active
    return {"tiles": headline.headline(state, pinned), "query": to_query(state, pinned), "tab": tab}


def _page(
    settings: Settings,
    state: PageState,
    pinned: PageState | None,
    active: str,
    allowance_gib: float | None,
    taken: memory.Taken,
) -> list[Any]:
    """Return headline and charts; those of the memory tab are drawn only while somebody looks at them."""
    step = memory.show(settings, state, pinned, allowance_gib, taken) if active == memory.TITLE else gr.skip()
    return [_numbers(state, pinned, active), architecture.show(state, pinned), step]


def update(
    request: gr.Request,
    settings: Settings,
    active: str,
    pinned: PageState | None,
    allowance_gib: float | None,
    taken: memory.Taken,
    *values: Any,
) -> list[Any]:
    """Answer the sliders: from the sidebar's values to states, headline, charts and message; what is not valid changes only the last."""
    kept = [gr.skip()] * 5
    try:
        state = controls.read(values)
    except ValueError as error:
        return [*kept, problem(str(error))]
    smallest = state.config.smallest_image_size
    if state.workload.image_size < smallest:
        why = f"An input of {state.workload.image_size} pixels is too small for these {len(state.config.block_config)} blocks."
        return [*kept, problem(why, f"Use {smallest} × {smallest}, the smallest that works")]
    live.want(request.session_hash, state.config, state.workload.image_size)
    return [state.config, state.workload, *_page(settings, state, pinned, active, allowance_gib, taken), ""]


def toggle_pin(
    settings: Settings,
    preset: str,
    config: DenseNetConfig,
    workload: Workload,
    pinned: PageState | None,
    active: str,
    allowance_gib: float | None,
    taken: memory.Taken,
) -> list[Any]:
    """Pin the net that the page shows, or let go of the pinned one; returns the pinned net, its button, headline and charts."""
    state = PageState(preset, config, workload)
    now = None if pinned else state
    return [now, pin.button(now), *_page(settings, state, now, active, allowance_gib, taken)]


@explained
def smallest_size(*values: Any) -> int:
    """Return the smallest input that the net of the sliders accepts, for the input slider."""
    return controls.read(values).config.smallest_image_size


def choose_preset(preset: str) -> list[Any]:
    """Return the sidebar of an untouched preset."""
    return controls.shown(preset_state(preset))


def open_address(settings: Settings, allowance_gib: float | None, request: gr.Request) -> list[Any]:
    """Return sidebar, pinned net and its button, tab, headline and memory charts for an opened address, and what had to be changed."""
    query = dict(request.query_params or {})
    state, problems = from_query(query)
    pinned, more = pinned_from_query(query)
    tab = query.get("tab", architecture.TITLE)
    if tab not in TABS:
        more = [*more, f"There is no tab called {tab[:24]!r}."]
        tab = architecture.TITLE
    numbers, _, step = _page(settings, state, pinned, tab, allowance_gib, ())
    said = corrections([*problems, *more])
    return [*controls.shown(state), pinned, pin.button(pinned), gr.Tabs(selected=tab), tab, numbers, step, said]


def open_tab(
    preset: str, config: DenseNetConfig, workload: Workload, pinned: PageState | None, event: gr.SelectData
) -> tuple[str, dict[str, str]]:
    """Return the tab that was opened, and the address with it."""
    active = str(event.value)
    return active, _numbers(PageState(preset, config, workload), pinned, active)


def create_app(settings: Settings | None = None) -> gr.Blocks:
    """Return the app; `launch` it with no argument, or with any of Gradio's, which then win over the app's own."""
    settings = settings or Settings()
    state: PageState = preset_state(DEFAULT_PRESET)
    gr.set_static_paths([PLOTLY_JS])
    quick = at_once()
    with gr.Blocks(title=TITLE, fill_width=True, analytics_enabled=False, delete_cache=(3600, 7200)) as app:
        config, workload, active = gr.State(state.config), gr.State(state.workload), gr.State(architecture.TITLE)
        settings_state = gr.State(settings)
        with gr.Sidebar(width=290, elem_id="sidebar"):
            bar = controls.build(state)
        numbers = headline.build(_numbers(state))
        with gr.Row(elem_id="strip"):
            strip = gr.HTML(live.WAITING, elem_id="live")
            pinned, pin_button = pin.build()
        corrected, notice = message("corrections"), message("notices")
        with gr.Tabs() as tabs:
            with gr.Tab(architecture.TITLE, id=architecture.TITLE):
                charts = architecture.build(state)
            with gr.Tab(memory.TITLE, id=memory.TITLE) as memory_tab:
                memory_charts, allowance, taken = memory.build(bar, config, workload, pinned, settings_state, active, memory_tab)
            with gr.Tab(compare.TITLE, id=compare.TITLE) as compare_tab:
                compare.build(numbers.rest, bar["preset"], config, workload, pinned, allowance, settings_state, active, compare_tab)
            with gr.Tab(layers.TITLE, id=layers.TITLE) as layers_tab:
                table = layers.build(config, workload, layers_tab)
            with gr.Tab(predict.TITLE, id=predict.TITLE) as predict_tab:
                predict.build(settings_state, predict_tab)
            with gr.Tab(train.TITLE, id=train.TITLE) as train_tab:
                train.build(numbers.rest, config, settings_state, active, train_tab)
        api.build(settings_state)

        outputs = [config, workload, numbers, charts, memory_charts, notice]
        gr.on(
            bar.triggers,
            update,
            [settings_state, active, pinned, allowance, taken, *bar.values],
            outputs,
            trigger_mode="always_last",
            api_name="update",
            **quick,
        )
        pin_button.click(
            toggle_pin,
            [settings_state, bar["preset"], config, workload, pinned, active, allowance, taken],
            [pinned, pin_button, numbers, charts, memory_charts],
            api_name="pin",
            **quick,
        )
        bar["preset"].input(choose_preset, bar["preset"], bar.outputs, api_name="choose_preset", **quick)
        bar.reset.click(choose_preset, bar["preset"], bar.outputs, api_name="reset", **quick)
        blocks = bar.blocks
        changed = [*blocks, bar.add_block, bar.remove_block]
        bar.add_block.click(controls.one_block_more, blocks, changed, api_name="add_block", **quick)
        bar.remove_block.click(controls.one_block_less, blocks, changed, api_name="remove_block", **quick)
        bar.wide.input(controls.with_wide, [bar.wide, *bar.values], bar.outputs, api_name="wide_ranges", **quick)
        notice.repair(smallest_size, bar.values, bar["image_size"], api_name="repair", **quick)
        tabs.select(open_tab, [bar["preset"], config, workload, pinned], [active, numbers], api_name="open_tab", **quick)
        opened = [*bar.outputs, pinned, pin_button, tabs, active, numbers, memory_charts, corrected]
        app.load(open_address, [settings_state, allowance], opened, api_name="open_address", **quick)
        layers.follow(numbers.rest, config, workload, active, table)
        numbers.rest(
            live.follow,
            [settings_state, config, workload],
            strip,
            api_name="live",
            **latest(LIVE),
        )
        app.unload(live.forget)
        app.unload(cancelling.leave)
    app.launch = functools.partial(app.launch, **launch_settings(settings))
    return app


def launch_settings(settings: Settings) -> dict[str, Any]:
    """What every launch of the app uses: its look, the folder of trainings, and nothing that speaks to another host."""
    return {
        "theme": theme.theme(),
        "css": f"{colours.css_variables()}\n{theme.css_variables()}",
        "css_paths": [Path(__file__).parent / name for name in STYLES],
        "head": PLOTLY_PRELOAD,
        "allowed_paths": [str(settings.runs_dir)],  # a trained net is offered from where it lies
        "run_history": False,
        "footer_links": [],
        "max_file_size": "256mb",
        "enable_monitoring": False,
        "share": False,
        "show_error": False,
    }
