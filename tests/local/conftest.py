"""The local stack as its users meet it: a folder, the command line, real servers."""

import os
from collections.abc import Iterator

import pytest
from command_line import OVERRIDES, CommandLine

from worker.local import rabbitmq_package
from worker.local.child import LocalStackError
from worker.local.servers import Servers, start_servers


@pytest.fixture(scope="module")
def whole_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    # The space is meant: a clone may lie in any folder.
    stack = CommandLine(state_dir=tmp_path_factory.mktemp("a stack") / ".basketry")
    yield stack
    stack("down", "--wipe")
    assert not stack.state_dir.exists()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with pytest.MonkeyPatch.context() as patch:
        for name in OVERRIDES:
            patch.delenv(name, raising=False)
        try:
            servers = start_servers(tmp_path_factory.mktemp("servers"))
        except LocalStackError as error:
            if os.environ.get("CI") or rabbitmq_package.HOW_TO_GET_ONE not in str(error):
                raise
            pytest.skip(str(error))
    yield servers
    servers.stop()
    servers.remove()
