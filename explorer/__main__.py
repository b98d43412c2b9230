"""python -m explorer: start the app on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m explorer", description="The DenseNet explorer, in your browser.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=7860, help="port to listen on (default: 7860)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: auto, a GPU where there is one)")
    parser.add_argument("--weights-dir", type=Path, default=None, help="folder of the ImageNet weights (default: torch's cache)")
    parser.add_argument("--offline", action="store_true", help="never download weights")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, start the server, and wait."""
    arguments = _arguments(argv)
    from explorer.app import create_app
    from explorer.settings import Settings

    app = create_app(Settings(arguments.device, arguments.weights_dir, arguments.offline))
    app.launch(server_name=arguments.host, server_port=arguments.port, prevent_thread_lock=True, quiet=True)
    print(f"The DenseNet explorer runs at http://{arguments.host}:{arguments.port}  (Ctrl+C stops it)", flush=True)
    app.block_thread()


if __name__ == "__main__":
    main()
