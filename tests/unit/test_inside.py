"""Lists and redirects cannot make us ask anything of this machine or its network."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tasks.core.config import IngestConfig
from tasks.core.errors import InputError
from tasks.core.store import Store
from tasks.core.types import Rejection
from tasks.ingest.listing import list_shards
from tasks.ingest.reasons import Reason
from tasks.ingest.verdicts import Source
from tasks.ingest.web import is_public
from tests.helpers.judged import judge_here

pytestmark = pytest.mark.slow

_HEAD_IS_FINE = "head-is-fine"


class _Server(ThreadingHTTPServer):
    """Answers with a redirect to where a path is told to lead, else with a few bytes, and notes
    what is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.leads: dict[str, tuple[int, str]] = {}
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(f"{self.command} {self.path}")
                code, target = server.leads.get(self.path, (200, ""))
                if self.command == "HEAD" and _HEAD_IS_FINE in self.path:
                    code = 200
                self.send_response(code)
                if code != 200:
                    self.send_header("Location", target)
                body = b"\xffno video" if code == 200 else b""
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def _serving() -> Iterator[_Server]:
    server = _Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def secret() -> Iterator[_Server]:
    """What nobody named."""
    with _serving() as server:
        yield server


@pytest.fixture
def named() -> Iterator[_Server]:
    """A server of the user's own."""
    with _serving() as server:
        yield server


@pytest.fixture
def rejections(store: Store, tmp_path: Path) -> "_Judge":
    return _Judge(store, tmp_path)


class _Judge:
    def __init__(self, store: Store, folder: Path) -> None:
        self._store, self._folder = store, folder

    def __call__(self, lines: list[str], *more_roots: str) -> dict[str, Rejection]:
        """What becomes of the lines of a list, beside the default with `more_roots` in
        `ingest.list_roots`."""
        config = IngestConfig(num_workers=1, list_roots=(*IngestConfig().list_roots, *more_roots))
        (self._folder / "list").write_text("\n".join(lines))
        found = {}
        for shard in list_shards(str(self._folder / "list"), config):
            roots = tuple(shard.more_roots)
            for name in shard.names:
                job = Source(
                    store=self._store,
                    root=shard.root,
                    name=name,
                    config=config,
                    scratch=str(self._folder),
                    more_roots=roots,
                )
                rejection = judge_here(job).rejection
                assert rejection is not None
                found[name] = rejection
        assert len(found) == len(lines)
        return found


def test_a_list_cannot_name_this_machine_in_any_spelling(
    secret: _Server, rejections: _Judge
) -> None:
    hosts = [
        *(
            "127.0.0.1",
            "0x7f000001",
            "0x7f.0.0.1",
            "0.0.0.0",
            "localhost",
            "LOCALHOST",
            "user@127.0.0.1",
        ),
        *(
            "127.255.255.254",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
        ),
        *("[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
    ]
    found = rejections([f"http://{host}:{secret.server_port}/a.mp4" for host in hosts])
    assert {name: row.reason for name, row in found.items()} == dict.fromkeys(found, Reason.OUTSIDE)
    for name, row in found.items():
        assert "is not on the public internet" in row.detail, name
        assert "ingest.list_roots" in row.detail
    # The client itself refuses these, or no resolver knows them.
    hosts = [
        "127.1",
        "2130706433",
        "017700000001",
        "0177.0.0.1",
        "0",
        "127.0.0.1.",
        "\uff11\uff12\uff17.0.0.1",
    ]
    found = rejections([f"http://{host}:{secret.server_port}/a.mp4" for host in hosts])
    assert {row.reason for row in found.values()} <= {Reason.OUTSIDE, Reason.UNREADABLE}
    assert (
        "is not a canonical IPv4 address"
        in found[f"http://127.1:{secret.server_port}/a.mp4"].detail
    )
    assert secret.asked == []


def test_a_list_cannot_name_the_network_around(rejections: _Judge) -> None:
    lines = [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/a.mp4",
        "http://[fd00:ec2::254]/latest",
        "http://10.0.0.1:8080/a.mp4",
        "http://172.16.0.1/a.mp4",
        "https://192.168.1.1/a.mp4",
        "http://100.100.100.200/latest/meta-data",
        "http://168.63.129.16/machine",
        "http://192.0.0.192/opc/v1",
        "http://224.0.0.1/a.mp4",
    ]
    assert {row.reason for row in rejections(lines).values()} == {Reason.OUTSIDE}


def test_a_name_that_leads_inside_is_refused_whenever_it_does(
    secret: _Server, rejections: _Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not looked up first and connected to later: what is connected to is looked at."""
    looked_up: list[str] = []

    def look_up(
        host: str, port: object, *args: object, **kwargs: object
    ) -> list[tuple[object, ...]]:
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", secret.server_port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    (row,) = rejections([f"http://videos.example:{secret.server_port}/a.mp4"]).values()
    assert looked_up
    assert row.reason == Reason.OUTSIDE
    assert (
        f"videos.example:{secret.server_port} (127.0.0.1) is not on the public internet"
        in row.detail
    )
    assert secret.asked == []


def test_a_host_that_is_named_may_lie_inside_and_only_at_its_port(
    secret: _Server, named: _Server, rejections: _Judge
) -> None:
    lines = [f"{named.url}/videos/a.mp4", f"{secret.url}/videos/a.mp4"]
    found = rejections(lines, f"{named.url}/videos/")
    assert [found[line].reason for line in lines] == [Reason.NOT_A_VIDEO, Reason.OUTSIDE]
    assert named.asked
    assert secret.asked == []


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_cannot_lead_inside(
    secret: _Server, named: _Server, rejections: _Judge, code: int
) -> None:
    named.leads = {
        "/a.mp4": (code, f"{secret.url}/secret"),
        f"/{_HEAD_IS_FINE}.mp4": (code, f"http://localhost:{secret.server_port}/secret"),
        "/long.mp4": (code, "/longer.mp4"),
        "/longer.mp4": (code, f"http://[::ffff:127.0.0.1]:{secret.server_port}/secret"),
        "/cloud.mp4": (code, "http://169.254.169.254/latest/meta-data/"),
        "/moved.mp4": (code, "/at-its-new-place.mp4"),
    }
    found = rejections(
        [f"{named.url}{path}" for path in named.leads if path != "/longer.mp4"], named.url
    )
    reasons = {name.rpartition("/")[2]: row.reason for name, row in found.items()}
    assert reasons.pop("moved.mp4") == Reason.NOT_A_VIDEO
    assert set(reasons.values()) == {Reason.OUTSIDE}
    assert (
        f"127.0.0.1:{secret.server_port} is not on the public internet"
        in found[f"{named.url}/a.mp4"].detail
    )
    assert "GET /at-its-new-place.mp4" in named.asked
    assert secret.asked == []


def test_a_redirect_to_another_scheme_is_not_followed(named: _Server, rejections: _Judge) -> None:
    named.leads = {"/a.mp4": (302, "file:///etc/hostname"), "/b.mp4": (302, "ftp://127.0.0.1/b")}
    found = rejections([f"{named.url}/a.mp4", f"{named.url}/b.mp4"], named.url)
    assert {row.reason for row in found.values()} == {Reason.UNREADABLE}


def test_what_the_user_gives_as_videos_is_named_and_its_redirects_are_not(
    secret: _Server, named: _Server
) -> None:
    (shard,) = list_shards(f"{named.url}/a.mp4", IngestConfig())
    assert shard.names == [f"{named.url}/a.mp4"]
    named.leads = {"/a.mp4": (302, f"{secret.url}/secret")}
    with pytest.raises(InputError, match=r"is not on the public internet; if it is yours, name it"):
        list_shards(f"{named.url}/a.mp4", IngestConfig())
    assert secret.asked == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        *[
            (address, True)
            for address in ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")
        ],
        *[
            (address, False)
            for address in ("127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.0.1", "198.18.0.1")
        ],
        *[
            (address, False)
            for address in ("::1", "::", "fe80::1%eth0", "fec0::1", "ff02::1", "2002:7f00:1::")
        ],
        *[
            (address, False)
            for address in (
                "0.0.0.0",
                "255.255.255.255",
                "240.0.0.1",
                "192.0.2.1",
                "::ffff:10.0.0.1",
            )
        ],
    ],
)
def test_which_addresses_are_everybodys(address: str, public: bool) -> None:
    assert is_public(address) == public
