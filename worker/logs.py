"""Structured logs: one JSON line each, on standard error. No tokens, no bodies, no personal data."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path
from typing import Any

import structlog
from amqp.abstract_channel import IGNORED_METHOD_DURING_CHANNEL_CLOSE
from celery import signals

_TIMESTAMP = structlog.processors.TimeStamper(fmt="iso", utc=True)


def configure(level: str) -> None:
    """Send our lines and those of Celery, kombu and Alembic through one renderer."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _TIMESTAMP,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(capture=True)
    # Whoever listens to this signal keeps Celery from configuring logging itself.
    signals.setup_logging.connect(_configured_already, weak=False)
    # Celery's tracer says two lines per task; a task here is a batch, and its outcome is logged by us.
    logging.getLogger("celery.app.trace").setLevel(logging.WARNING)
    logging.getLogger("amqp").addFilter(_is_worth_a_line)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=True,
    )


def _configured_already(**_: object) -> None:
    """Celery asks; the answer is that it is done."""


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Drop what py-amqp says of each message that comes while a channel closes: it goes back to its queue."""
    return bool(record.msg != IGNORED_METHOD_DURING_CHANNEL_CLOSE)


def where(error: BaseException) -> str:
    """Name an exception and the place it comes from; its message may hold personal data and stays out."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    return f"{type(error).__name__}{place}"


def get(name: str) -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger
