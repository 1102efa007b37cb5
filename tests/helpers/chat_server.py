"""A model server of the OpenAI kind whose weights a test changes under the same address and
name."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any


class ChatServer:
    """Says one thing to every question. `log_probs` stands for its weights where it is asked how
    likely a text is."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}/v1#double"
        self.says = "A"
        self.log_probs: list[float] | None = None
        self.fails_after: int | None = None
        """So many answers, counted from now; the ones after are an error of the server."""
        self.answered: Counter[str] = Counter()
        """By question and what was shown with it."""
        self.num_requests = 0
        self._lock = Lock()

    def reply(self, path: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.num_requests += 1
        if path.endswith("/models"):
            return 200, {
                "object": "list",
                "data": [{"id": "double", "object": "model", "created": 1, "owned_by": "t"}],
            }
        if path.endswith("/chat/completions"):
            return self._chat(json.dumps(asked["messages"][-1]["content"]))
        if self.log_probs is None:
            return 404, {"error": {"message": "chats only"}}
        found = {
            "token_logprobs": [None, *self.log_probs, -0.5],
            "tokens": [],
            "text_offset": [],
            "top_logprobs": [],
        }
        choice = {"index": 0, "text": "", "finish_reason": "length", "logprobs": found}
        return 200, {
            "id": "1",
            "object": "text_completion",
            "created": 1,
            "model": "double",
            "choices": [choice],
        }

    def _chat(self, question: str) -> tuple[int, dict[str, Any]]:
        with self._lock:
            if self.fails_after == 0:
                return 500, {"error": {"message": "out of memory"}}
            if self.fails_after is not None:
                self.fails_after -= 1
            self.answered[question] += 1
        message = {"role": "assistant", "content": self.says}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return 200, {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "double",
            "choices": [choice],
        }


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    """On a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(*double.reply(self.path, {}))

        def do_POST(self) -> None:
            self._send(
                *double.reply(
                    self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                )
            )

        def _send(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    double = ChatServer(server.server_address[1])
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
