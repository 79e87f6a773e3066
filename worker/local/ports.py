"""Free TCP ports on 127.0.0.1, kept from one start to the next where possible.

Ports are drawn from below the kernel's ephemeral range. Inside it, a client that keeps dialling a stopped
server is sooner or later given that very port as its own source and talks to itself, and the server
cannot come back.
"""

import random
import socket
from pathlib import Path

LOWEST = 10_000
EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do it: what is left in TIME_WAIT by the last run does not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_open(port: int) -> bool:
    """Tell whether somebody accepts connections there."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def choose(kept: int | None = None, taken: frozenset[int] = frozenset()) -> int:
    """Return the kept port when it is still free, else a new one that is not among the taken."""
    if kept is not None and is_free(kept):
        return kept
    candidates = list(range(LOWEST, _ephemeral_start()))
    random.shuffle(candidates)
    for port in candidates:
        if port not in taken and is_free(port):
            return port
    raise OSError(f"No port of 127.0.0.1 between {LOWEST} and {_ephemeral_start()} is free.")


def choose_named(kept: dict[str, int], names: tuple[str, ...]) -> dict[str, int]:
    """Return one port for each name, all different."""
    chosen: dict[str, int] = {}
    for name in names:
        chosen[name] = choose(kept.get(name), frozenset(chosen.values()))
    return chosen


def _ephemeral_start() -> int:
    try:
        start = int(EPHEMERAL_RANGE.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 32_768
    return start if start > LOWEST + 1_000 else 65_536
