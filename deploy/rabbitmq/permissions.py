"""What each AMQP user may do, as definitions for RabbitMQ: `permissions.py publisher=shop consumer=billing`.

Prints JSON for `rabbitmqctl import_definitions`. It has no users and so no passwords in it: make them first
(`rabbitmqctl add_user NAME` asks for one), and import as often as you like. A user may have two roles. A
permission is three regular expressions, of names of queues and exchanges, for configure, write and read.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable
from typing import NamedTuple


class Grant(NamedTuple):
    """Names by permission, as regular expressions; `{user}` is the user's name."""

    configure: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    read: tuple[str, ...] = ()


_COMMANDS = r"basket\.commands(\..+)?"  # its exchanges and queues, the dead ones too
_EVENTS = r"basket\.events"
_REPLIES = r"basket\.replies\.{user}\..+"
_OWN = r"{user}\..+"

ROLES = {
    # Declares the topology when it starts; replies go through the default exchange.
    "worker": Grant((_COMMANDS, _EVENTS), (_COMMANDS, _EVENTS, r"amq\.default"), (_COMMANDS,)),
    # Sends events, and the commands that an operator has released; may be there before any worker.
    "scheduler": Grant((_EVENTS,), (r"basket\.commands", _EVENTS)),
    # The direct reply-to needs nothing; reply queues of one's own have one's own name in theirs.
    "publisher": Grant((_REPLIES,), (r"basket\.commands",), (_REPLIES,)),
    # Binding a queue writes to it, and reads from the exchange.
    "consumer": Grant((_OWN,), (_OWN,), (_EVENTS, _OWN)),
    # To see that something is there, and how much waits in it, needs no permission but the vhost's.
    "operator": Grant(),
}

# A dot would put one user's queues among another's.
_USER = re.compile(r"(?!(basket|amq)$)[A-Za-z0-9_-]+")


def definitions(vhost: str, users: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Give the permissions of (role, user) pairs in one vhost; raises ValueError with a sentence."""
    granted: dict[str, list[Grant]] = {}
    for role, user in users:
        if role not in ROLES:
            raise ValueError(f"there is no role {role!r}: it is one of {', '.join(ROLES)}")
        if not _USER.fullmatch(user):
            raise ValueError(
                f"{user!r} cannot be a user here: letters, digits, - and _, and neither basket nor amq"
            )
        granted.setdefault(user, []).append(ROLES[role])
    return {
        "permissions": [
            {
                "user": user,
                "vhost": vhost,
                **{name: _anchored(user, grants, name) for name in Grant._fields},
            }
            for user, grants in granted.items()
        ]
    }


def _anchored(user: str, grants: Iterable[Grant], name: str) -> str:
    """Join what several roles may; an expression that is not anchored would fit names it is part of."""
    own = dict.fromkeys(one.replace("{user}", user) for grant in grants for one in getattr(grant, name))
    return f"^({'|'.join(own)})$" if own else "^$"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("users", nargs="+", metavar="ROLE=USER", help=f"a role is one of {', '.join(ROLES)}")
    parser.add_argument("--vhost", default="/", help="where Basketry's queues are (default: /)")
    chosen = parser.parse_args()
    pairs = [(role, user) for role, _, user in (one.partition("=") for one in chosen.users)]
    try:
        json.dump(definitions(chosen.vhost, pairs), sys.stdout, indent=2)
    except ValueError as error:
        parser.error(str(error))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
