"""The local stack as its users meet it: a folder, the command line, real servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine
from flow.together import together
from outside.furnishing import AS_SERVICE
from outside.stage import Stage
from outside.wire import command, unique

from worker.local.servers import Servers


@pytest.fixture(scope="module")
def whole_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    # The space is meant: a clone may lie in any folder.
    stack = CommandLine(state_dir=tmp_path_factory.mktemp("a stack") / ".basketry")
    yield stack
    stack("down", "--wipe")
    assert not stack.state_dir.exists()


@pytest.fixture(scope="module")
def servers(servers: Servers) -> Servers:
    """Give the session's own servers: what is said here is said of them."""
    if servers.postgres is None or servers.rabbitmq is None:
        pytest.skip("the environment names other servers")
    return servers


@pytest.fixture
def loading(stage: Stage, tmp_path: Path) -> CommandLine:
    """Give the command with nothing set but where the database is."""
    return CommandLine(state_dir=tmp_path / "state", settings={"BASKETRY_DATABASE_URL": stage.database_url})


@pytest.fixture
def channel(stage: Stage) -> str:
    """Give a channel of a test's own, that is known."""
    name = unique("channel")
    together(stage, command("channel.put", name, {}, channel=name, headers=AS_SERVICE))
    return name
