"""A web server of one file on this machine, well or badly behaved: what a download may meet."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.patience import PATIENCE_SECONDS


class Server:
    """A web server of one file on 127.0.0.1, well or badly behaved, that counts what it was asked for."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.manner = "well"
        self.served: list[str] = []
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
                self.send_response(200)
                self.send_header("Content-Length", str(len(outer.content)))
                self.end_headers()
                half = len(outer.content) // 2
                if outer.manner == "well":
                    self.wfile.write(outer.content)
                elif outer.manner == "breaks":
                    self.wfile.write(outer.content[:half])
                elif outer.manner == "stalls":
                    self.wfile.write(outer.content[:half])
                    self.wfile.flush()
                    outer.let_go.wait(PATIENCE_SECONDS)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.let_go.set()
        self.http.shutdown()
        self.http.server_close()
