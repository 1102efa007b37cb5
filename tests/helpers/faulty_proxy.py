"""A proxy in front of a real HTTP server that fails as it is told: refuses, answers too late, drops
connections."""

import base64
import http.client
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "content-length", "date", "server"}


@dataclass
class Fault:
    """What becomes of requests whose "METHOD PATH" holds a match of `what`."""

    what: str
    status: int = 0
    """Answered instead of the server; 0 for a fault of another kind."""
    body: str = "<html>no</html>"
    retry_after: str = ""
    """What the answer says in its header of this name."""
    is_late: bool = False
    """The server gets the request at once, the client its answer when it has gone away."""
    is_dropped: bool = False
    """The server gets the request, the client no answer."""
    times: int = 1_000_000
    num_seen: int = field(default=0, init=False)


class FaultyProxy:
    """Passes on to `target` what no fault is meant for."""

    def __init__(self, target: str, user: str = "", password: str = "") -> None:
        self.faults: list[Fault] = []
        self.asked: list[str] = []
        """ "METHOD PATH" of all requests."""
        self._target = urlsplit(target)
        self._wanted = (
            f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}" if user else ""
        )
        self._released = threading.Event()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                with suppress(OSError):
                    super().handle_one_request()

            def log_message(self, format: str, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                proxy._handle(self)

            do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}
        )
        self._thread.start()

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def fail(self, what: str, **fault: object) -> Fault:
        """From now on."""
        self.faults.append(Fault(what, **fault))  # type: ignore[arg-type]
        return self.faults[-1]

    def mend(self) -> None:
        """Let everything through again."""
        self.faults.clear()
        self._released.set()
        self._released = threading.Event()

    def close(self) -> None:
        self.mend()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        assert "chunked" not in handler.headers.get("Transfer-Encoding", ""), (
            "bodies come with their length"
        )
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        asked = f"{handler.command} {handler.path}"
        self.asked.append(asked)
        released = self._released
        if self._wanted and handler.headers.get("Authorization") != self._wanted:
            _answer(handler, 401, [("Content-Type", "text/html")], b"who are you?")
            return
        fault = next(
            (f for f in self.faults if re.search(f.what, asked) and f.num_seen < f.times), None
        )
        if fault is not None:
            fault.num_seen += 1
            if fault.status:
                headers = [("Content-Type", "application/json"), ("Retry-After", fault.retry_after)]
                _answer(
                    handler, fault.status, [(n, v) for n, v in headers if v], fault.body.encode()
                )
                return
        status, headers, data = self._ask(handler, body)
        if fault is not None and fault.is_late:
            released.wait()
        if fault is not None:
            handler.close_connection = True
            return
        _answer(handler, status, headers, data)

    def _ask(
        self, handler: BaseHTTPRequestHandler, body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        assert self._target.hostname
        connection = http.client.HTTPConnection(self._target.hostname, self._target.port)
        try:
            kept = {
                name: value
                for name, value in handler.headers.items()
                if name.lower() != "connection"
            }
            connection.request(
                handler.command, handler.path, body, kept | {"Host": self._target.netloc}
            )
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


@contextmanager
def faulty_proxy(target: str, user: str = "", password: str = "") -> Iterator[FaultyProxy]:
    proxy = FaultyProxy(target, user, password)
    try:
        yield proxy
    finally:
        proxy.close()


def _answer(
    handler: BaseHTTPRequestHandler, status: int, headers: list[tuple[str, str]], data: bytes
) -> None:
    handler.send_response(status)
    for name, value in headers:
        if name.lower() not in _HOP_BY_HOP:
            handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)
