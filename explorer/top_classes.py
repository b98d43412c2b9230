"""The answer of a net as bars that can be clicked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from explorer.formatting import share

if TYPE_CHECKING:
    from densenet.predict import Prediction

_ON_LOAD = """
const list = element.querySelector('.classes');
const draw = () => {
  list.replaceChildren();
  for (const item of (props.value && props.value.classes) || []) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'class-row' + (item.index === props.value.chosen ? ' chosen' : '');
    button.setAttribute('aria-pressed', String(item.index === props.value.chosen));
    for (const part of ['bar', 'name', 'share']) {
      const span = document.createElement('span');
      span.className = 'class-' + part;
      if (part === 'bar') { span.style.width = Math.max(0.5, 100 * item.probability) + '%'; }
      else { span.textContent = part === 'name' ? item.label : item.share; }
      button.append(span);
    }
    button.addEventListener('click', () => {
      props.value = {...props.value, chosen: item.index};
      draw();
      trigger('click', {index: item.index});
    });
    list.append(button);
  }
};
watch('value', draw);
draw();
"""


def top_classes(elem_id: str) -> gr.HTML:
    """Return the component: the most probable classes, best first; a click on one chooses it (event data: `index`)."""
    template = '<div class="classes" role="group" aria-label="Most probable classes"></div>'
    return gr.HTML(None, html_template=template, js_on_load=_ON_LOAD, elem_id=elem_id)


def classes_value(predictions: list[Prediction]) -> dict[str, Any]:
    """Return the component's value for `predictions`; the first is chosen."""
    rows = [{"label": p.label, "index": p.index, "probability": p.probability, "share": share(p.probability)} for p in predictions]
    return {"classes": rows, "chosen": predictions[0].index}
