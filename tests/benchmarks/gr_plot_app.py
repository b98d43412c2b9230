"""The peer of the slider benchmark: one slider and the same three charts in gr.Plot, as Gradio's guides write it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import gradio as gr
import plotly.graph_objects as go

from densenet import PRESETS
from densenet.arithmetic.costs import steps
from explorer.tabs.architecture.charts import cost_figure, growth_figure


def main() -> None:
    """Serve the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--preset", default="densenet121")
    parser.add_argument("--port", type=int)
    arguments = parser.parse_args()
    preset = PRESETS[arguments.preset]

    def draw(growth_rate: float) -> list[Any]:
        config = replace(preset, growth_rate=int(growth_rate))
        stages = steps(config)
        figures = [growth_figure(config, stages), cost_figure(config, stages, macs=False), cost_figure(config, stages, macs=True)]
        return [go.Figure(figure) for figure in figures]

    with gr.Blocks() as app:
        slider = gr.Slider(1, 64, preset.growth_rate, step=1, label="Growth rate k")
        plots = [gr.Plot(figure) for figure in draw(preset.growth_rate)]
        slider.change(draw, slider, plots)
    app.launch(server_name="127.0.0.1", server_port=arguments.port, quiet=True)


if __name__ == "__main__":
    main()
