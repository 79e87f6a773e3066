"""The release before this one at work for real, on a database of its own; then this one beside it and after.

Old workers go on while the schema is migrated under them, and share the queues that they have declared.
"""

from pathlib import Path

import pytest
from outside import release
from outside.expected import mixed
from outside.ledger import Ledger
from outside.processes import working
from outside.shop import open_shop
from outside.stage import Stage
from outside.upstream import Upstream

from worker.store import schema

pytestmark = pytest.mark.slow

RUNS_AT_MOST = 5


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """Give the folder of the release before this one."""
    try:
        return release.unpack(tmp_path)
    except release.NotInHistory as error:
        pytest.skip(str(error))


def test_from_the_release_before_to_this_one_under_load(stage: Stage, folder: Path, before: Path) -> None:
    schema.migrate(stage.database_url, "base")
    release.basketry(stage.environment, "migrate", home=before)
    assert stage.rows("select version_num from alembic_version") == [("0003",)]
    with working(stage, "before", folder, home=before) as old:
        with Upstream(stage.broker_url) as upstream:
            open_shop(upstream)
        with Ledger(stage, "upgrade", mixed(seed=5)) as ledger:
            ledger.wait_answered(300)
            assert "The schema is at 0" in migrated(stage)
            assert stage.rows("select version_num > '0003' from alembic_version") == [(True,)]
            ledger.wait_answered(300)
            with working(stage, "new", folder) as new, working(stage, "newer", folder) as newer:
                ledger.wait_answered(300)
                assert old.stop() == 0
                ledger.wait_answered(300)
                ledger.settle()
            assert ledger.publisher.resent == 0, "nobody was refused"
    for worker in (new, newer):
        assert worker.log.count("queues.differ") == 1
    assert "Traceback" not in old.log


def migrated(stage: Stage) -> str:
    """Migrate as RUNBOOK says: again, when a table was in use for longer than that waits for it."""
    for _ in range(RUNS_AT_MOST):
        try:
            return release.basketry(stage.environment, "migrate")
        except AssertionError as error:
            if "A table was in use for longer than" not in str(error):
                raise
    raise AssertionError("the tables were in use all the time")


def test_a_worker_of_this_release_waits_for_the_migration_and_says_so(stage: Stage, before: Path) -> None:
    schema.migrate(stage.database_url, "base")
    release.basketry(stage.environment, "migrate", home=before)
    with pytest.raises(schema.SchemaError, match="run `basketry migrate` first"):
        schema.check(stage.database_url)
