"""The program `basketry`, before anything is imported: who installed the client alone has it as well."""

from __future__ import annotations

import sys

_INTERRUPTED = 130


def main() -> None:
    """Run a command; a sentence instead of a traceback when it cannot even be read."""
    try:
        from worker import cli
    except ModuleNotFoundError as error:
        sys.exit(
            f"`basketry` needs {error.name}, which is not installed here. For the worker and the scheduler:\n"
            "    pip install 'basketry[service]'\nwith servers of this machine's own: 'basketry[local]'."
        )
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    cli.main()
