"""Ports of this machine that stay what a test takes them for: bound when they are chosen, not only free when they are asked for."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_port() -> Iterator[int]:
    """A port of 127.0.0.1 for a server of ours, which nobody else gets until the block ends.

    It is bound with SO_REUSEADDR: on Linux a server that sets it too (uvicorn and http.server do) may listen there all the same, while
    the kernel gives the port to nobody who asks for any. Other systems refuse the server too, so there the port is only free when asked.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port = int(holder.getsockname()[1])
        if sys.platform != "linux":
            holder.close()
        yield port


@contextmanager
def closed_port() -> Iterator[int]:
    """A port of 127.0.0.1 where every connection is refused, and where nobody can begin to listen until the block ends."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])
