"""`basketry load`: a process takes lines apart, several read the puts and write them, each key in one.

Reading a put takes a processor as long as writing it: so there are several. A batch is a transaction; what is
written stays, whatever happens then, and the same file once more finds it as it is.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from multiprocessing.synchronize import Event
from typing import Any, BinaryIO, NoReturn

import click
import msgspec

from contracts.envelope import MAX_BODY_BYTES
from contracts.errors import ErrorKey, Problem
from worker import filling, pauses
from worker.filling import Filled, Rejected, Sent
from worker.store import database

LONGEST_LINE_BYTES = MAX_BODY_BYTES + 4096  # the largest body, and what is around it
_BATCH_LINES = 1000
_BATCH_BYTES = 4 * 1024 * 1024
_BATCHES_AHEAD = 3  # of each process: enough to be busy, and few enough to end soon

Report = Callable[[Filled, int], None]  # what became of lines, and their bytes


class LoadError(Exception):
    """A process of the load was killed."""


class Loading(msgspec.Struct, frozen=True, kw_only=True):
    """What to load, and whom to tell what became of it; `channel` is that of lines that name none."""

    source: BinaryIO
    database_url: str
    channel: str
    processes: int
    report: Report


def load(wanted: Loading) -> bool:
    """Load all lines; False when a signal came: then what was begun is written, and nothing else.

    Raises LoadError. What is written stays, in any case.
    """
    spawning = multiprocessing.get_context("spawn")
    stop = spawning.Event()
    try:
        with ExitStack() as leaving, _signals(signal.SIG_IGN):  # the processes inherit it
            executors = [
                leaving.enter_context(ProcessPoolExecutor(1, spawning, _begin, (wanted.database_url, stop)))
                for _ in range(wanted.processes)
            ]
            for begun in [executor.submit(os.getpid) for executor in executors]:
                begun.result()
            writers = [_Writer(executor, wanted.report) for executor in executors]
            return _feed_until_signal(wanted, writers, stop)
    except BrokenProcessPool as error:
        raise LoadError("a process of the load was killed") from error


def _feed_until_signal(wanted: Loading, writers: Sequence[_Writer], stop: Event) -> bool:
    try:
        with _signals(_interrupt):
            _feed(wanted, writers)
    except KeyboardInterrupt:
        stop.set()
        for writer in writers:
            writer.wait()
        return False
    return True


@contextmanager
def _signals(handler: Any) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handled in before.items():
            signal.signal(number, handled)


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _feed(wanted: Loading, writers: Sequence[_Writer]) -> None:
    for number, text, size in _numbered(wanted.source):
        read = _taken_apart(number, text, wanted.channel)
        if isinstance(read, Rejected):
            wanted.report(Filled(lines=1, rejected=(read,)), size)
        elif read is None:
            wanted.report(Filled(), size)
        elif read.type == filling.CHANNEL_PUT:
            # Every process may meet the channel in the lines that follow.
            writers[0].add(read, size)
            writers[0].finish()
        else:
            writers[zlib.crc32(read.key.encode()) % len(writers)].add(read, size)
    for writer in writers:
        writer.finish()


def _numbered(source: BinaryIO) -> Iterator[tuple[int, bytes, int]]:
    """Give each line with its number, from 1, and its size; of one that is too long only the beginning."""
    number = 0
    while text := source.readline(LONGEST_LINE_BYTES + 1):
        number += 1
        size = len(text)
        rest = text
        while rest and not rest.endswith(b"\n"):
            rest = source.readline(LONGEST_LINE_BYTES)
            size += len(rest)
        yield number, text, size


def _taken_apart(number: int, text: bytes, channel: str) -> Sent | Rejected | None:
    if len(text) > LONGEST_LINE_BYTES:
        message = f"a line has at most {LONGEST_LINE_BYTES} bytes"
        return Rejected(number, (Problem(code=ErrorKey.TOO_LARGE, message=message),))
    return filling.read_line(number, text, channel) if text.strip() else None


class _Writer:
    """A process, and the batches that it was given: it writes them one after the other."""

    def __init__(self, executor: ProcessPoolExecutor, report: Report) -> None:
        self._executor = executor
        self._report = report
        self._batch: list[Sent] = []
        self._bytes = 0
        self._begun: deque[tuple[Future[Filled | None], int]] = deque()

    def add(self, sent: Sent, size: int) -> None:
        self._batch.append(sent)
        self._bytes += size
        if len(self._batch) == _BATCH_LINES or self._bytes >= _BATCH_BYTES:
            self._begin_batch()

    def finish(self) -> None:
        """Have everything written that was added."""
        if self._batch:
            self._begin_batch()
        self.wait()

    def wait(self, most_left: int = 0) -> None:
        """Wait until so few batches are under way, and tell what became of the others."""
        while len(self._begun) > most_left:
            future, size = self._begun[0]
            filled = future.result()
            self._begun.popleft()
            if filled is not None:
                self._report(filled, size)

    def _begin_batch(self) -> None:
        self.wait(_BATCHES_AHEAD - 1)
        self._begun.append((self._executor.submit(_write, self._batch), self._bytes))
        self._batch, self._bytes = [], 0


class _StoppedError(Exception):
    """The load is to end, and the database is away."""


class _Place:
    """What a writing process has; it has nothing to do with signals, and ends with its parent."""

    engine: database.Engine
    stop: Event


def _begin(database_url: str, stop: Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _Place.engine, _Place.stop = database.engine(database_url, "basketry-load"), stop


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _write(batch: list[Sent]) -> Filled | None:
    """Write a batch, however long the database is away; None when the load was to end before."""
    if _Place.stop.is_set():
        return None
    try:
        return filling.fill(_Place.engine, batch, _persist)
    except _StoppedError:
        return None


def _persist(attempt: Callable[[], Filled]) -> Filled:
    is_said = False
    for pause in pauses.growing():
        try:
            return attempt()
        except database.TryAgain as error:
            if not is_said:
                click.echo(f"The database does not take a batch, it is tried again: {error}", err=True)
            is_said = True
        if _Place.stop.wait(pause):
            break
    raise _StoppedError
