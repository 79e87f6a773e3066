"""Files of the local stack."""

from pathlib import Path

import pytest

from worker.local import files


@pytest.mark.parametrize("ending", ["", "\n"])
def test_the_end_of_a_log_is_its_last_lines(tmp_path: Path, ending: str) -> None:
    log_file = tmp_path / "worker.log"
    log_file.write_text("\n".join(f"line {number}" for number in range(100_000)) + ending)
    assert files.tail(log_file, 3).splitlines() == ["line 99997", "line 99998", "line 99999"]


def test_the_end_of_a_log_is_short_whatever_is_in_it(tmp_path: Path) -> None:
    log_file = tmp_path / "rabbitmq.log"
    log_file.write_bytes(b"x" * 1_000_000 + b"\xff\nthe last words\n")
    assert len(files.tail(log_file)) < 66_000
    assert files.tail(log_file).endswith("x\ufffd\nthe last words")


def test_a_log_that_is_empty_or_not_there_is_no_mistake(tmp_path: Path) -> None:
    assert files.tail(tmp_path / "never.log") == f"({tmp_path / 'never.log'} was never written)"
    (tmp_path / "empty.log").touch()
    assert files.tail(tmp_path / "empty.log") == ""
