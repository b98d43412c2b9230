"""Pictures that are not on this machine: said before anybody presses Start, and brought at the press of a button."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from typing import Any

import gradio as gr

from densenet.stopping import Cancelled
from explorer.components.formatting import memory
from explorer.components.messages import explained
from explorer.settings import Settings
from explorer.work import background, jobs
from explorer.work.cancelling import cancel_downloading, cancellable
from explorer.work.handlers import bound
from explorer.work.queues import DOWNLOADING, at_once, one_at_a_time


def offered(settings: Settings, data: str, folder: str | None, error: Exception) -> tuple[str, Any]:
    """Return what is said of pictures that are not here, as HTML, and the button that brings them."""
    label = jobs.DATASETS[data][0]
    if (folder or "").strip():
        return f"{error} Clear the folder's field to use the usual one.", gr.update(visible=False)
    if settings.offline:
        return (
            f"{label} is not on this machine, and downloads are switched off (--offline). Name the folder that holds it, "
            "or choose other pictures.",
            gr.update(visible=False),
        )
    left = memory(background.run(jobs.missing_bytes, settings, data))
    return f"{label} is not on this machine yet.", gr.update(visible=True, value=f"Download {label} ({left})")


def bar(done: int, total: int, label: str) -> str:
    """Return how far a download is, as HTML."""
    share = f'value="{done}" max="{total}"' if total else ""
    return (
        f'<div class="published" role="status">{escape(label)} <progress {share} aria-label="Downloaded"></progress> '
        f"{memory(done)} of {memory(total)}</div>"
    )


@explained
def download(settings: Settings, data: str, request: gr.Request) -> Iterator[tuple[str, Any, Any]]:
    """Yield how far the download of a data set is, its button and the one that gives it up."""
    label = jobs.DATASETS[data][0] if data in jobs.DATASETS else str(data)
    off, on = gr.update(visible=False), gr.update(visible=True)

    def work(tell: Callable[[tuple[int, int]], None]) -> None:
        jobs.bring_dataset(settings, data, lambda done, total: tell((done, total)), stop)

    yield f'<div class="published" role="status">{escape(label)}: asking for it …</div>', off, on
    try:
        with cancellable(request, DOWNLOADING) as stop:
            for done, total in background.stream(work):
                yield bar(done, total, label), off, on
    except Cancelled:
        yield '<div class="published" role="status">Given up; what has come is kept.</div>', on, off
        return
    except (ValueError, OSError) as error:  # a ConnectionError is an OSError
        yield f'<div class="notice" role="alert">{escape(str(error))}</div>', on, off
        raise
    yield f'<div class="published" role="status">{escape(label)} is here.</div>', off, off


class Buttons:
    """The button that brings pictures, and the one that gives that up."""

    def __init__(self) -> None:
        with gr.Row(elem_classes="train-tools"):
            self.bring = gr.Button("Download", size="sm", variant="primary", visible=False, scale=0, min_width=240, elem_id="bring-data")
            self.cancel = gr.Button("Cancel the download", size="sm", visible=False, scale=0, min_width=160, elem_id="cancel-data")

    def wire(self, settings: Settings, data: gr.Dropdown, line: gr.HTML) -> Any:
        """Wire both; returns the event after which pictures may be there."""
        self.cancel.click(cancel_downloading, None, None, api_name="cancel_data", **at_once())
        shown = [line, self.bring, self.cancel]
        return self.bring.click(bound(download, settings), data, shown, api_name="bring_data", **one_at_a_time(DOWNLOADING))
