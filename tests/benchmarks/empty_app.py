"""The peer of the start-up benchmark: a Gradio app with one line of text."""

from __future__ import annotations

import argparse

import gradio as gr


def main() -> None:
    """Serve the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    with gr.Blocks() as app:
        gr.Markdown("An empty app")
    app.launch(server_name="127.0.0.1", server_port=parser.parse_args().port, quiet=True)


if __name__ == "__main__":
    main()
