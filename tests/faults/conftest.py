"""The fault suite, `make test-faults`: its figures end the session as a table, whether tests fail or not."""

import pytest
from outside.figures import Figures, table


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if Figures.noted:
        terminalreporter.section("faults", sep="=")
        for line in table(Figures.noted):
            terminalreporter.write_line(line)
