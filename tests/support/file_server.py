"""A web server of one file on this machine, well or badly behaved: what a download may meet."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.patience import PATIENCE_SECONDS


class Server:
    """A web server of one file on 127.0.0.1, well or badly behaved, that counts what it was asked for; `files` are others, by name."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.manner = "well"
        self.files: dict[str, bytes] = {}
        self.ranges = True  # whether it sends a part of a file that is asked for
        self.served: list[str] = []
        self.resumed_at: list[int] = []
        self.let_go = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.served.append(self.path)
                if outer.manner == "garbage":
                    self.wfile.write(b"\x00\x01 what?\r\n\r\n")
                    return
                if outer.manner == "404":
                    self.send_error(404)
                    return
                content = outer.files.get(self.path.lstrip("/"), outer.content)
                start = 0
                if outer.ranges and (wanted := self.headers.get("Range")):
                    start = int(wanted.removeprefix("bytes=").rstrip("-"))
                    if start >= len(content):
                        self.send_error(416)
                        return
                    outer.resumed_at.append(start)
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(content) - start))
                self.end_headers()
                half = max(start, len(content) // 2)
                if outer.manner == "well":
                    self.wfile.write(content[start:])
                elif outer.manner == "breaks":
                    self.wfile.write(content[start:half])
                elif outer.manner == "stalls":
                    self.wfile.write(content[start:half])
                    self.wfile.flush()
                    outer.let_go.wait(PATIENCE_SECONDS)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.http.server_address[1]}/"

    def close(self) -> None:
        self.let_go.set()
        self.http.shutdown()
        self.http.server_close()
