"""What Basketry says: the result event of every command, and the reply that repeats it (contract, 1.2)."""

from __future__ import annotations

from typing import Any

from contracts import CONTRACT_VERSION

COMPLETED = "command.completed"
REJECTED = "command.rejected"


def result_headers(
    *,
    status: int,
    command: str,
    key: str,
    channel: str,
    causation_id: str | None,
    error_key: str | None = None,
    version: int | None = None,
    traceparent: str | None = None,
    attempt: int | None = None,
    operator: str | None = None,
) -> dict[str, Any]:
    """Make the headers of a result event; what is None is left out.

    `attempt` and `operator` are those of a command that failed on our side and was handled once more.
    """
    return _present(
        {
            "status": status,
            "error-key": error_key,
            "command": command,
            "causation-id": causation_id,
            "key": key,
            "channel": channel,
            "version": version,
            "contract-version": CONTRACT_VERSION,
            "traceparent": traceparent,
            "attempt": attempt,
            "operator": operator,
        }
    )


def notice_headers(
    *,
    key: str,
    channel: str,
    causation_id: str | None,
    version: int,
    traceparent: str | None,
) -> dict[str, Any]:
    """Make the headers of an event that is no result: `causation-id` names the command behind it."""
    return _present(
        {
            "causation-id": causation_id,
            "key": key,
            "channel": channel,
            "version": version,
            "contract-version": CONTRACT_VERSION,
            "traceparent": traceparent,
        }
    )


def _present(headers: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in headers.items() if value is not None}
