"""`make check` looks up known vulnerabilities: one fails it, a service that is away does not.

The service is a stand-in that speaks as OSV does: what is known of real packages changes from day to day.
"""

import json
import runpy
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from worker.local import ports

AUDIT = Path("deploy/audit.py")
KNOWN: dict[str, list[Any]] = {
    "holed": [
        {
            "id": "PYSEC-2026-1",
            "summary": "A hole.",
            "modified": "2026-01-01T00:00:00Z",
            "affected": [
                {
                    "package": {"name": "holed", "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
                }
            ],
        }
    ],
    "sound": [],
}


class Service(BaseHTTPRequestHandler):
    """Answers what is known of a package; of `broken`, that it is broken."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        name = asked["package"]["name"]
        self.send_response(500 if name == "broken" else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"vulns": KNOWN.get(name, [])}).encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def audit(folder: Path, pins: str, port: int) -> subprocess.CompletedProcess[str]:
    file = folder / "pins.txt"
    file.write_text(pins)
    asking = ("--vulnerability-service", "osv", "--osv-url", f"http://127.0.0.1:{port}/v1/query")
    return subprocess.run(
        [sys.executable, AUDIT, str(file), *asking], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_known_vulnerability_fails_the_check_and_is_named(tmp_path: Path) -> None:
    with serving() as port:
        ended = audit(tmp_path, "holed==1.0\nsound==2.0\n", port)
    assert ended.returncode == 1
    assert ended.stdout == (
        "holed 1.0: PYSEC-2026-1, repaired in 1.1\n2 dependencies looked up, 1 vulnerable\n"
    )


@pytest.mark.slow
def test_nothing_known_is_nothing_wrong(tmp_path: Path) -> None:
    with serving() as port:
        ended = audit(tmp_path, "sound==2.0\n", port)
    assert (ended.returncode, ended.stdout) == (0, "1 dependencies looked up, 0 vulnerable\n")


@pytest.mark.slow
def test_a_service_that_is_away_is_said_in_a_line_and_fails_nothing(tmp_path: Path) -> None:
    ended = audit(tmp_path, "sound==2.0\n", ports.choose(None))
    assert (ended.returncode, ended.stdout.count("\n"), ended.stderr) == (0, 1, "")
    assert "were not looked up: the service cannot be reached" in ended.stdout


@pytest.mark.slow
def test_nor_does_a_service_that_is_broken(tmp_path: Path) -> None:
    with serving() as port:
        ended = audit(tmp_path, "broken==1.0\n", port)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "were not looked up" in ended.stdout


def test_packages_that_the_service_does_not_know_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    report = runpy.run_path(str(AUDIT))["_report"]
    unknown = {"name": "ours", "skip_reason": "not found"}
    assert report([unknown, {"name": "sound", "version": "1", "vulns": []}]) == 0
    assert report([unknown]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1 dependencies looked up, 0 vulnerable; 1 the service does not know",
        "Known vulnerabilities of the dependencies were not looked up: the service knows none of them.",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("pins", ["sound>=2\n", "sound = 2\n"])
def test_pins_that_are_none_fail_the_check(tmp_path: Path, pins: str) -> None:
    with serving() as port:
        ended = audit(tmp_path, pins, port)
    assert ended.returncode != 0
    assert ended.stderr


def test_it_is_part_of_the_check_and_asks_about_every_pin() -> None:
    lines = Path("Makefile").read_text().split("\ncheck:")[1].split("\n\n")[0].splitlines()
    assert "\t$(BIN)/python deploy/audit.py constraints.txt" in lines
