"""The strip under the headline: the net of the sliders, built for real as soon as they rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from densenet import DenseNetConfig, Workload, totals
from densenet.stopping import Cancelled, stop_when
from explorer.components.formatting import duration, exact, memory
from explorer.settings import Settings
from explorer.work import background
from explorer.work.known_device import look

if TYPE_CHECKING:
    from densenet.measure.instantiate import Instance

_WORTH_SAYING_SECONDS = 2.0

_wanted: dict[str, tuple[DenseNetConfig, int]] = {}  # what each visitor's sliders show now, by session


def want(session: str | None, config: DenseNetConfig, image_size: int) -> None:
    """Note what the sliders of `session` show, so that a build of anything else is given up."""
    if session:
        _wanted[session] = (config, image_size)


def forget(request: gr.Request) -> None:
    """Drop what is known of a visitor who has left."""
    _wanted.pop(request.session_hash or "", None)


def _strip(state: str, text: str, title: str = "") -> str:
    return f'<div class="live {state}" role="status" title="{escape(title)}"><span class="dot"></span><b>Live</b> {text}</div>'


WAITING = _strip("busy", "the net of the sliders is built here as soon as they rest")
_BUSY = _strip("busy", "waiting: another net is being measured or built on this device …")


def follow(settings: Settings, config: DenseNetConfig, workload: Workload, request: gr.Request) -> Iterator[Any]:
    """Build and run the net of sliders at rest; yields the strip as HTML, or nothing new where the build is out of date."""
    session, mine = request.session_hash, (config, workload.image_size)
    want(session, *mine)

    def superseded() -> bool:
        return session is not None and _wanted.get(session) != mine

    building = _strip("busy", "building the net …")
    yield building
    background.import_libraries()
    from densenet.arithmetic.seconds import forward_seconds
    from densenet.measure.instantiate import instantiate

    try:
        about = forward_seconds(config, workload.image_size, background.run(look, settings).type)
        if about > _WORTH_SAYING_SECONDS:
            building = _strip("busy", f"building the net, and one forward pass of about {duration(about)} …")
            yield building

        def work(tell: Callable[[str], None]) -> Instance:
            return instantiate(
                config,
                workload.image_size,
                settings.device,
                stop_when(superseded),
                waits=lambda waiting: tell(_BUSY if waiting else building),
            )

        seen = yield from background.stream(work)
    except Cancelled:
        yield gr.skip()
        return
    except ValueError as error:
        yield _strip("refused", escape(str(error), quote=False))
        return
    planned = totals(config, workload.image_size).params
    verdict = "✓ as planned" if seen.params == planned else f"✗ planned: {exact(planned)}"
    shape = f"1 × {config.in_channels} × {workload.image_size}² → {' × '.join(map(str, seen.output_shape))}"
    device = seen.device.partition(" (")[0]  # all of it when pointed at
    yield _strip(
        "built",
        f"on {escape(device)}: <b>{exact(seen.params)}</b> parameters {verdict} · {shape} in "
        f"<b>{duration(seen.forward_seconds)}</b> · {memory(seen.free_bytes)} free of {memory(seen.total_bytes)}",
        seen.device,
    )
