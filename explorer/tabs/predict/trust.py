"""Trust: is a map complete, does the class come and go with its pixels, and does it change when all that the net has learnt is gone?"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr
from PIL import Image

from densenet.attribution import METHODS, Attribution, attribute
from densenet.attribution.catalogue import method_of
from densenet.attribution.cost import check_trust
from densenet.stopping import Cancelled, Stop
from explorer.components.chart_panel import chart_panel, drawn
from explorer.components.charts import Figure, layout_of
from explorer.components.map_panel import MapOnPage, map_panel, panel_value
from explorer.components.messages import explained
from explorer.components.theme import BLOCK_COLOURS, NEUTRAL
from explorer.settings import Settings
from explorer.tabs.predict.stage import FIRST_METHODS, METHOD_CHOICES, NOBODY, UNIT, Stage, head_of
from explorer.work import background
from explorer.work.cancelling import cancel_explaining, cancellable
from explorer.work.handlers import bound, while_open
from explorer.work.queues import EXPLAINING, at_once, each_time, latest
from explorer.work.subject import Asked, Subject, pixels_of, subject_of

if TYPE_CHECKING:
    from densenet.attribution.insertion import Curve, Curves
    from densenet.attribution.trust import Completeness, RandomisedWeights

TITLE = "Trust"
_HEIGHT_PX = 160


def _check(title: str, value: str, words: str, flagged: bool | None) -> str:
    verdict = {True: '<span class="differs">✗ doubtful</span>', False: '<span class="agrees">✓ passes</span>', None: "no verdict"}[flagged]
    return f'<div class="check"><b>{title}</b> {verdict}<div class="check-value">{value}</div><div class="hint">{words}</div></div>'


def _completeness(check: Completeness) -> str:
    from densenet.attribution.trust import COMPLETENESS_LIMIT

    value = "not defined" if check.error is None else f"{100 * check.error:.1f}\u00a0% off"
    words = f"its values sum to {check.total:+.2f}, the photo changes the score by {check.difference:+.2f}; "
    words += f"doubtful above {100 * COMPLETENESS_LIMIT:g}\u00a0%"
    return _check("Completeness", value, words, check.flagged)


def _weights(check: RandomisedWeights) -> str:
    from densenet.attribution.trust import CORRELATION_LIMIT

    mean = check.mean_absolute
    value = "not defined" if mean is None else f"rank correlation {mean:+.2f}"
    count = len(check.absolute)
    words = f"with the maps of {count} net{'s' * (count > 1)} that {'have' if count > 1 else 'has'} learnt nothing; "
    words += f"doubtful above {CORRELATION_LIMIT:g}"
    return _check("Randomised weights", value, words, check.flagged)


def _areas(check: Curves) -> str:
    beside = "maps like it, moved elsewhere" if check.control == "shifted" else "maps of random pixels"
    (insertion, insertion_spread), (deletion, deletion_spread) = check.random_insertion_area, check.random_deletion_area
    return _check(
        "Insertion",
        f"area {check.insertion.area:.2f} beside {insertion:.2f} ± {insertion_spread:.2f}",
        f"should rise earlier than {beside}",
        check.insertion_flagged,
    ) + _check(
        "Deletion",
        f"area {check.deletion.area:.2f} beside {deletion:.2f} ± {deletion_spread:.2f}",
        f"should fall earlier than {beside}",
        check.deletion_flagged,
    )


def _curve(curve: Curve, name: str, colour: str, width: float) -> dict[str, Any]:
    hover = [f"{name}, {100 * s:.0f} %: {100 * p:.1f} %" for s, p in zip(curve.shares, curve.probabilities, strict=True)]
    line = {"type": "scatter", "mode": "lines", "x": [100 * s for s in curve.shares], "y": [100 * p for p in curve.probabilities]}
    return {**line, "line": {"width": width, "color": colour}, "hovertext": hover, "hoverinfo": "text", "name": name}


def curve_figure(curve: Curve, random: tuple[Curve, ...], title: str, colour: str) -> Figure:
    """Probability of the class over the share of pixels, beside those of random maps."""
    data = [_curve(one, "random map", NEUTRAL, 1.2) for one in random]
    data.append(_curve(curve, "this map", colour, 3))
    layout = layout_of(_HEIGHT_PX, len(curve.shares), title, "pixels, %", "probability, %")
    layout["yaxis"] |= {"range": [0, 102], "exponentformat": "none"}
    return {"data": data, "layout": layout | {"hovermode": "closest", "margin": {"l": 56, "r": 18, "t": 6, "b": 40}}}


def curve_figures(check: Curves) -> list[Figure]:
    """Insertion and deletion as two charts."""
    return [
        curve_figure(check.insertion, check.random_insertions, "Pixels inserted", BLOCK_COLOURS[2]),
        curve_figure(check.deletion, check.random_deletions, "Pixels deleted", BLOCK_COLOURS[5]),
    ]


def _checks(subject: Subject, asked: Asked, method: str, stop: Stop) -> Iterator[Attribution | Completeness | Curves | RandomisedWeights]:
    """Yield the map, then each of its checks as soon as it is there."""
    from densenet.attribution.trust import trust

    def explain(model: Any) -> Attribution:
        return attribute(model, subject.x, asked.target, method, stop=stop)

    result = background.run(explain, subject.model)
    yield result
    checks = trust(
        subject.model,
        subject.x,
        asked.target,
        explain,
        attribution=result,
        control=METHODS[method].control,
        nets=METHODS[method].untrained_nets,
        stop=stop,
    )
    while (check := background.run(next, checks, None)) is not None:
        yield check


@explained
def show(
    settings: Settings, photo: Image.Image | None, asked: Asked | None, method: str, request: gr.Request
) -> Iterator[tuple[Any, Any, Any]]:
    """Yield the map, its checks as HTML and its curves, each as soon as it is there."""
    if photo is None or asked is None:
        yield "", "", ""
        return
    from densenet.attribution.insertion import Curves
    from densenet.attribution.trust import Completeness

    subject = subject_of(settings, photo, asked)
    background.run(check_trust, subject.model, subject.x, method)
    facts = method_of(method)  # a page may ask for any
    words = f'<div class="known"><b>Known weakness.</b> {escape(facts.known_wrong)} <span class="hint">{escape(facts.source)}</span></div>'
    cards: list[str] = []
    busy = '<div class="hint">checking …</div>'
    yield gr.skip(), words + busy, ""
    try:
        with cancellable(request, EXPLAINING) as stop:
            for check in _checks(subject, asked, method, stop):
                if isinstance(check, Attribution):
                    shown = MapOnPage(facts.label, facts.says, method, pixels_of(method, check.map), unit=UNIT, smooth=facts.interpolated)
                    value = panel_value(subject.view, [shown], head=head_of(subject, asked, NOBODY), key=f"{asked}{method}")
                    yield value, gr.skip(), gr.skip()
                    if not facts.has_delta:
                        cards.append(_check("Completeness", "not claimed", "this method's values are not meant to sum to anything", None))
                elif isinstance(check, Curves):
                    cards.append(_areas(check))
                    yield gr.skip(), words + _page(cards) + busy, drawn(curve_figures(check))
                else:
                    cards.append(_completeness(check) if isinstance(check, Completeness) else _weights(check))
                    yield gr.skip(), words + _page(cards) + busy, gr.skip()
    except Cancelled:
        yield gr.skip(), words + _page(cards) + '<div class="hint">stopped</div>', gr.skip()
        return
    yield gr.skip(), words + _page(cards), gr.skip()


def _page(cards: list[str]) -> str:
    return f'<div class="checks">{"".join(cards)}</div>'


def judge(event: gr.EventData) -> tuple[str, str, Any, str]:
    """Return the method to judge, for the session and for the page, and this view as the one that is open."""
    return str(event.method), str(event.method), gr.Tabs(selected=TITLE), TITLE


def choose(method: str) -> str:
    """Return the method that the visitor chose, for the session."""
    return method


def build(stage: Stage, tab: gr.Tab, views: gr.Tabs, maps: gr.HTML) -> None:
    """Lay out the view and wire it; a map of `maps` can ask for its checks."""
    with gr.Row(elem_id="trust"):
        with gr.Column(scale=1, min_width=190):
            method = gr.Dropdown(METHOD_CHOICES, value=FIRST_METHODS[0], label="Method", filterable=False, container=False)
            stop = gr.Button("Stop", size="sm")
            panel = map_panel("trust-map")
        with gr.Column(scale=3, min_width=380):
            checks = gr.HTML("", elem_id="checks")
            charts = {"insertion-chart": "Probability while pixels are inserted", "deletion-chart": "Probability while pixels are deleted"}
            curves = chart_panel("", charts=charts, elem_id="curves")
    judging = gr.State(method.value)  # not what the page's dropdown says: opening this view would ask with its value of before
    shown, sources = bound(show, stage.settings), [stage.photo, stage.asked, judging]
    outputs = [panel, checks, curves]
    other = method.input(choose, method, judging, api_name="choose_judged", **each_time())
    renewed = other.then(cancel_explaining, None, None, api_name="supersede_trust", **each_time())
    renewed.then(shown, sources, outputs, api_name="show_judged", **latest(EXPLAINING))
    opened = tab.select(cancel_explaining, None, None, api_name="supersede_by_trust", **each_time())
    opened.then(shown, sources, outputs, api_name="show_trust", **latest(EXPLAINING))
    stage.renewed.then(while_open(shown, TITLE), [stage.view, *sources], outputs, api_name="follow_trust", **latest(EXPLAINING))
    # The view that it opens asks for the checks.
    maps.judge(judge, None, [judging, method, views, stage.view], api_name="judge", **at_once())
    stop.click(cancel_explaining, None, None, api_name="stop_trust", **at_once())
