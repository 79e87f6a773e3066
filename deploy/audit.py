"""Look up known vulnerabilities of pinned dependencies: `audit.py constraints.txt [options of pip-audit]`.

Exits 1 when there is one. When the service that knows them cannot be reached, or does not know a package, one
line says so and the check goes on: what cannot be looked up here is looked up elsewhere.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

_WITHIN_SECONDS = 18.0
_ANSWERED_WITHIN_SECONDS = 3
_FOUND = 1  # pip-audit's exit code for a vulnerability, and for much else
# How pip-audit and what it is built on speak of a service that does not answer.
_UNREACHABLE = re.compile(
    r"ConnectionError|ServiceError|Timeout|timed out|ProxyError|SSLError|Max retries exceeded"
)


def main(constraints: str, *options: str) -> int:
    """Audit a file of pins; give the exit code."""
    asked = ["--requirement", constraints, "--no-deps", "--disable-pip", "--format=json", "--desc=off"]
    quietly = ["--progress-spinner=off", f"--timeout={_ANSWERED_WITHIN_SECONDS}"]
    try:
        ended = subprocess.run(
            [Path(sys.executable).with_name("pip-audit"), *asked, *quietly, *options],
            capture_output=True,
            text=True,
            timeout=_WITHIN_SECONDS,
            check=False,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
    except subprocess.TimeoutExpired:
        return _not_done(f"no answer within {_WITHIN_SECONDS:.0f} s")
    try:
        found = json.loads(ended.stdout)["dependencies"]
    except (ValueError, KeyError):
        if _UNREACHABLE.search(ended.stderr):
            return _not_done("the service cannot be reached")
        sys.stderr.write(ended.stderr)
        return ended.returncode or _FOUND
    return _report(found)


def _report(found: list[dict[str, Any]]) -> int:
    """Say what is vulnerable, and how much of it nobody knows."""
    vulnerable = [one for one in found if one.get("vulns")]
    for one in vulnerable:
        for known in one["vulns"]:
            repaired = ", ".join(known["fix_versions"]) or "no release"
            sys.stdout.write(f"{one['name']} {one['version']}: {known['id']}, repaired in {repaired}\n")
    unknown = sum("skip_reason" in one for one in found)
    if unknown == len(found):
        return _not_done("the service knows none of them")
    sys.stdout.write(f"{len(found) - unknown} dependencies looked up, {len(vulnerable)} vulnerable")
    sys.stdout.write(f"; {unknown} the service does not know\n" if unknown else "\n")
    return _FOUND if vulnerable else 0


def _not_done(why: str) -> int:
    sys.stdout.write(f"Known vulnerabilities of the dependencies were not looked up: {why}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
