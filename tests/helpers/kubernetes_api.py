"""Answers in the shape of the Kubernetes API, over HTTP: objects by path, made by hand."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def listed(kind: str, *items: Json) -> Json:
    return {"kind": f"{kind}List", "apiVersion": "v1", "metadata": {}, "items": list(items)}


def named(name: str, **more: Any) -> Json:
    return {"metadata": {"name": name} | more.pop("metadata", {}), **more}


@contextmanager
def kubernetes_api(answers: Mapping[str, Json | int], folder: Path) -> Iterator[Path]:
    """A kubeconfig in `folder`, for a server that has these objects by path. A number is a refusal
    with that status.

    Who asks for names only, as it must for secrets, is told no more.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            found = answers.get(path, 404)
            status = found if isinstance(found, int) else 200
            if isinstance(found, int):
                found = {
                    "kind": "Status",
                    "status": "Failure",
                    "code": found,
                    "message": f"{path}: refused ({found})",
                }
            elif "PartialObjectMetadata" in self.headers["Accept"]:
                found = {"kind": "PartialObjectMetadata", "metadata": found["metadata"]}
            else:
                assert "/secrets" not in path, "somebody asks what is in a secret"
            body = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield _kubeconfig(f"http://127.0.0.1:{server.server_port}", folder / "kubeconfig")
    finally:
        server.shutdown()
        server.server_close()


def _kubeconfig(address: str, place: Path) -> Path:
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "k", "cluster": {"server": address}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
    }  # fmt: skip
    place.write_text(json.dumps(config))
    return place
