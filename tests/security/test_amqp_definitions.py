"""The generator of AMQP permissions: what it prints is what is shipped, and no name reaches further."""

import json
from pathlib import Path

import pytest
from brokerage import PERMISSIONS, generated
from outside.stage import Management, Stage
from outside.wire import unique

from worker.local.child import LocalStackError


def test_the_definitions_that_are_shipped_are_the_generators(servers: object) -> None:
    pairs = ("worker=basketry-worker", "scheduler=basketry-scheduler", "operator=basketry-operator")
    printed = generated(*pairs, "publisher=shop", "consumer=billing")
    assert printed.stdout == PERMISSIONS.with_name("definitions.json").read_text()
    assert "password" not in printed.stdout


def test_a_user_with_two_roles_may_do_what_both_may() -> None:
    (both,) = json.loads(generated("publisher=erp", "consumer=erp", "--vhost", "x").stdout)["permissions"]
    assert both == {
        "user": "erp",
        "vhost": "x",
        "configure": r"^(basket\.replies\.erp\..+|erp\..+)$",
        "write": r"^(basket\.commands|erp\..+)$",
        "read": r"^(basket\.replies\.erp\..+|basket\.events|erp\..+)$",
    }


@pytest.mark.parametrize(
    "pair", ["consumer=basket", "publisher=a.b", "publisher=", "king=x", "consumer=.*", "x"]
)
def test_a_name_that_would_reach_further_is_refused(pair: str) -> None:
    refused = generated(pair)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "cannot be a user here" in refused.stderr or "there is no role" in refused.stderr


def test_permissions_of_a_user_that_is_not_there_are_an_error(
    stage: Stage, management: Management, tmp_path: Path
) -> None:
    definitions = tmp_path / "definitions.json"
    definitions.write_text(generated("--vhost", stage.vhost, f"publisher={unique('nobody')}").stdout)
    assert stage.servers.rabbitmq is not None
    with pytest.raises(LocalStackError, match="no_such_user"):
        stage.servers.rabbitmq.rabbitmqctl("import_definitions", str(definitions))
