"""A double of Flyte's control plane: the admin and data-proxy services, from flyteidl's own
servicers.

It keeps everything in memory and hands executions to a runner (`tests.helpers.flyte_runner`). Where
a real Flyte refuses or ends something, so does it; what it does not do at all: no types are checked
at registration, nothing is scheduled by time or queued by resources, launch plans' concurrency does
not count, there is no authentication, no catalog, and no data of single nodes.
"""

import threading
from collections import Counter
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import grpc
from flyteidl.admin import project_attributes_pb2, project_pb2, version_pb2
from flyteidl.service import admin_pb2_grpc, dataproxy_pb2, dataproxy_pb2_grpc

from tests.helpers.flyte_executions import Engine, Executions

BUCKET = "flyte"


class FlyteDouble(Executions, dataproxy_pb2_grpc.DataProxyServiceServicer):
    """Serves on a free port until `stop`."""

    def __init__(self, s3_endpoint: str, run: Engine) -> None:
        super().__init__(run)
        self.calls: Counter[str] = Counter()
        """RPCs by name."""
        self._s3 = boto3.client("s3", endpoint_url=s3_endpoint)
        self._s3.create_bucket(Bucket=BUCKET)
        self._uploads = ThreadingHTTPServer(("127.0.0.1", 0), self._upload_handler())
        threading.Thread(target=self._uploads.serve_forever, daemon=True).start()
        self._server = grpc.server(
            futures.ThreadPoolExecutor(8), interceptors=[_Counting(self.calls)]
        )
        admin_pb2_grpc.add_AdminServiceServicer_to_server(self, self._server)
        dataproxy_pb2_grpc.add_DataProxyServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def stop(self) -> None:
        self._server.stop(None).wait(10)
        self._uploads.shutdown()
        self._uploads.server_close()

    def ListProjects(self, request: Any, context: Any) -> Any:  # noqa: N802
        domains = [project_pb2.Domain(id=name, name=name) for name in ("development", "production")]
        return project_pb2.Projects(projects=[project_pb2.Project(id="videossr", domains=domains)])

    def GetVersion(self, request: Any, context: Any) -> Any:  # noqa: N802
        return version_pb2.GetVersionResponse()

    def GetProjectAttributes(self, request: Any, context: Any) -> Any:  # noqa: N802
        return project_attributes_pb2.ProjectAttributesGetResponse()

    def CreateUploadLocation(self, request: Any, context: Any) -> Any:  # noqa: N802
        name = f"upload/{request.content_md5.hex()}/{request.filename}"
        return dataproxy_pb2.CreateUploadLocationResponse(
            signed_url=f"http://127.0.0.1:{self._uploads.server_port}/{name}",
            native_url=f"s3://{BUCKET}/{name}",
        )

    def _upload_handler(self) -> type[BaseHTTPRequestHandler]:
        s3 = self._s3

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                s3.put_object(Bucket=BUCKET, Key=self.path.lstrip("/"), Body=body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        return Handler


class _Counting(grpc.ServerInterceptor):
    def __init__(self, calls: Counter[str]) -> None:
        self._calls = calls

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        self._calls[details.method.rsplit("/", 1)[-1]] += 1
        return continuation(details)
