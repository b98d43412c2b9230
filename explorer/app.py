"""The whole page: sidebar, headline, tabs, and the one handler that answers the sliders."""

from __future__ import annotations

import functools
from typing import Any

import gradio as gr

from explorer import api, controls, live
from explorer.address import DEFAULT_PRESET, PageState, from_query, preset_state, to_query
from explorer.errors import explained
from explorer.headline import headline
from explorer.message import corrections, message, problem
from explorer.panel import PLOTLY_JS, PLOTLY_PRELOAD
from explorer.settings import Settings
from explorer.tabs import architecture, layers, memory, predict
from explorer.theme import CSS_PATH, theme

TITLE = "DenseNet explorer"

# Shows the tiles; writes the query of the shown net into the address, and says so to the server, once the sliders rest.
_HEADLINE = """
let timer = 0;
const opened = performance.now();
const rest = (changed) => {
  const drawn = document.querySelector('.js-plotly-plot');
  if (!drawn && performance.now() - opened < 10000) {  // the first build imports torch: the first charts come before it
    timer = setTimeout(() => rest(changed), 100);
    return;
  }
  const dark = new URLSearchParams(location.search).get('__theme');
  const query = '?' + props.value.query + (dark ? '&__theme=' + encodeURIComponent(dark) : '');
  if (changed) { history.replaceState(history.state, '', query); }
  trigger('rest');
};
const show = (changed) => {
  element.querySelector('.tiles').innerHTML = props.value.tiles;
  clearTimeout(timer);
  timer = setTimeout(() => rest(changed), 350);
};
watch('value', () => show(true));
show(false);
"""


def _numbers(state: PageState) -> dict[str, str]:
    return {"tiles": headline(state), "query": to_query(state)}


def update(request: gr.Request, active: str, allowance_gib: float | None, measured: memory.Measured | None, *values: Any) -> list[Any]:
    """Answer the sliders: from the sidebar's values to states, headline, charts and message; what is not valid changes only the last.

    The charts of the memory tab are drawn only while somebody looks at them.
    """
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
    taken = memory.show(state, allowance_gib, measured) if active == memory.TITLE else gr.skip()
    return [state.config, state.workload, _numbers(state), architecture.show(state), taken, ""]


@explained
def smallest_size(*values: Any) -> int:
    """Return the smallest input that the net of the sliders accepts, for the input slider."""
    return controls.read(values).config.smallest_image_size


def choose_preset(preset: str) -> list[Any]:
    """Return the sidebar of an untouched preset."""
    return controls.shown(preset_state(preset))


def open_address(request: gr.Request) -> list[Any]:
    """Return the sidebar for the address that the page was opened with, and a sentence for each value that had to be changed."""
    state, problems = from_query(dict(request.query_params or {}))
    return [*controls.shown(state), corrections(problems)]


def _opened_tab(event: gr.SelectData) -> str:
    return str(event.value)


def create_app(settings: Settings | None = None) -> gr.Blocks:
    """Return the app; `launch` it with no argument, or with any of Gradio's, which then win over the app's own."""
    state: PageState = preset_state(DEFAULT_PRESET)
    gr.set_static_paths([PLOTLY_JS])
    quick: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    with gr.Blocks(title=TITLE, fill_width=True, analytics_enabled=False, delete_cache=(3600, 7200)) as app:
        config, workload, active = gr.State(state.config), gr.State(state.workload), gr.State(architecture.TITLE)
        settings_state = gr.State(settings or Settings())
        with gr.Sidebar(width=290, elem_id="sidebar"):
            bar = controls.build(state)
        template = '<div class="tiles"></div>'
        numbers = gr.HTML(_numbers(state), html_template=template, js_on_load=_HEADLINE, elem_id="headline")
        strip = gr.HTML(live.WAITING, elem_id="live")
        corrected, notice = message("corrections"), message("notices")
        with gr.Tabs() as tabs:
            with gr.Tab(architecture.TITLE):
                charts = architecture.build(state)
            with gr.Tab(memory.TITLE) as memory_tab:
                memory_charts, allowance, measured = memory.build(bar, config, workload, settings_state, memory_tab)
            with gr.Tab(layers.TITLE) as layers_tab:
                table = layers.build(config, workload, layers_tab)
            with gr.Tab(predict.TITLE):
                predict.build(settings_state)
        api.build(settings_state)

        outputs = [config, workload, numbers, charts, memory_charts, notice]
        gr.on(
            bar.triggers,
            update,
            [active, allowance, measured, *bar.values],
            outputs,
            trigger_mode="always_last",
            api_name="update",
            **quick,
        )
        bar.preset.input(choose_preset, bar.preset, bar.outputs, api_name="choose_preset", **quick)
        bar.reset.click(choose_preset, bar.preset, bar.outputs, api_name="reset", **quick)
        blocks = [bar.block_count, *bar.blocks]
        changed = [*blocks, bar.add_block, bar.remove_block]
        bar.add_block.click(controls.one_block_more, blocks, changed, api_name="add_block", **quick)
        bar.remove_block.click(controls.one_block_less, blocks, changed, api_name="remove_block", **quick)
        bar.wide.input(controls.with_wide, [bar.wide, *bar.values], bar.outputs, api_name="wide_ranges", **quick)
        notice.repair(smallest_size, bar.values, bar.image_size, api_name="repair", **quick)
        tabs.select(_opened_tab, None, active, api_name="open_tab", **quick)
        app.load(open_address, None, [*bar.outputs, corrected], api_name="open_address", **quick)
        layers.follow(numbers.rest, config, workload, active, table)
        numbers.rest(
            live.follow,
            [settings_state, config, workload],
            strip,
            trigger_mode="always_last",
            show_progress="hidden",
            concurrency_limit=1,
            concurrency_id="live",
            api_name="live",
            api_visibility="private",
        )
        app.unload(live.forget)
    app.launch = functools.partial(app.launch, **launch_settings())
    return app


def launch_settings() -> dict[str, Any]:
    """What every launch of the app uses: its look, and nothing that speaks to another host."""
    return {
        "theme": theme(),
        "css_paths": [CSS_PATH],
        "head": PLOTLY_PRELOAD,
        "run_history": False,
        "footer_links": [],
        "max_file_size": "256mb",
        "enable_monitoring": False,
        "share": False,
        "show_error": False,
    }
