"""An authority of our own, one that nobody trusts, and settings as a process of ours reads them."""

import os
from collections.abc import Callable

import pytest
from authority import Authority
from outside.claims import SECRET
from outside.stage import Management, Stage

from worker import settings
from worker.local.servers import Servers


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(folder=tmp_path_factory.mktemp("ours"), name="ours")


@pytest.fixture(scope="session")
def nobodys(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(folder=tmp_path_factory.mktemp("nobodys"), name="nobodys")


@pytest.fixture
def configured(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Callable[..., settings.Settings]:
    """Read settings out of an environment in which nothing else is set."""

    def configure(**changed: object) -> settings.Settings:
        for name in [name for name in os.environ if name.startswith("BASKETRY_")]:
            monkeypatch.delenv(name)
        needed = {"DATABASE_URL": stage.database_url, "BROKER_URL": stage.broker_url, "JWT_SECRET": SECRET}
        for name, value in {**needed, **changed}.items():
            monkeypatch.setenv(f"BASKETRY_{name}", str(value))
        return settings.load()

    return configure


@pytest.fixture(scope="module")
def management(servers: Servers) -> Management:
    reached = Management.of(servers)
    if reached is None:
        pytest.skip("the environment names another broker")
    return reached
