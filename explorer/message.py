"""What the page says when it cannot show what was asked for: why, and a button that repairs it."""

from __future__ import annotations

from html import escape

import gradio as gr

# A click on the button is the event `repair`; one on ✕ removes the message.
_CLICKS = """
element.addEventListener('click', (event) => {
  if (event.target.closest('.dismiss')) { props.value = ''; }
  if (event.target.closest('.repair')) { trigger('repair'); }
});
"""


def message(elem_id: str) -> gr.HTML:
    """Return an empty place for messages; its event is `repair`."""
    return gr.HTML("", js_on_load=_CLICKS, elem_id=elem_id, elem_classes="messages")


def problem(sentence: str, repair: str = "") -> str:
    """Return a message as HTML, with a button if there is a repair."""
    button = f'<button class="repair" type="button">{escape(repair)}</button>' if repair else ""
    return f'<div class="notice" role="alert">{escape(sentence)}{button}</div>'


def corrections(sentences: list[str]) -> str:
    """Return a message that can be dismissed, or nothing."""
    if not sentences:
        return ""
    text = " ".join(escape(sentence) for sentence in sentences)
    return f'<div class="notice" role="alert"><button class="dismiss" type="button" aria-label="Dismiss">✕</button>{text}</div>'
