"""python -m explorer: start the app on this machine."""

from __future__ import annotations

import argparse
import ctypes
import sys
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # of malloc.h


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m explorer", description="The DenseNet explorer, in your browser.")
    parser.add_argument("--host", metavar="ADDRESS", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", metavar="N", type=int, default=7860, help="port to listen on (default: 7860)")
    parser.add_argument(
        "--device", metavar="NAME", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: auto, a GPU where there is one)"
    )
    parser.add_argument(
        "--weights-dir", metavar="FOLDER", type=Path, default=None, help="folder of the ImageNet weights (default: torch's cache)"
    )
    parser.add_argument("--runs-dir", metavar="FOLDER", type=Path, default=Path("runs"), help="folder of the trainings (default: runs)")
    parser.add_argument("--offline", action="store_true", help="never download weights")
    parser.add_argument("--fetch", nargs="+", metavar="NET", help="bring the weights of densenet121, ... or of all, and stop")
    arguments = parser.parse_args(argv)
    if arguments.fetch:
        from explorer.fetching import FETCHABLE

        unknown = [name for name in arguments.fetch if name not in (*FETCHABLE, "all")]
        if unknown:
            parser.error(f"--fetch takes {', '.join(FETCHABLE)} or all, got {unknown[0]!r}")
        if arguments.offline:
            parser.error("--fetch needs downloads, and --offline forbids them")
        if "all" in arguments.fetch:
            arguments.fetch = list(FETCHABLE)
    return arguments


def _small_pools() -> None:
    """Have glibc give large blocks back when they are freed, and keep two pools of the others, not one or more for each thread.

    The server stays hundreds of megabytes smaller.
    """
    try:
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_ARENA_MAX, 2)
        libc.mallopt(_M_MMAP_THRESHOLD, 4 * 2**20)
        libc.mallopt(_M_TRIM_THRESHOLD, 4 * 2**20)
    except (OSError, AttributeError, TypeError):  # other C libraries have other allocators
        return


def main(argv: list[str] | None = None) -> int:
    """Parse the command line, start the server and wait, or bring weights; return the exit code."""
    arguments = _arguments(argv)
    if arguments.fetch:
        from explorer.fetching import fetch_all

        try:
            return fetch_all(arguments.fetch, arguments.weights_dir)
        except KeyboardInterrupt:
            print()
            return 130
    _small_pools()
    from explorer.app import create_app
    from explorer.settings import Settings

    app = create_app(Settings(arguments.device, arguments.weights_dir, arguments.offline, arguments.runs_dir))
    app.launch(server_name=arguments.host, server_port=arguments.port, prevent_thread_lock=True, quiet=True)
    print(f"The DenseNet explorer runs at http://{arguments.host}:{arguments.port}  (Ctrl+C stops it)", flush=True)
    app.block_thread()
    return 0


if __name__ == "__main__":
    sys.exit(main())
