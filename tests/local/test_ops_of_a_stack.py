"""`basketry status`: where the metrics and the health of each process of a stack are."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from command_line import CommandLine
from outside.processes import wait_for
from outside.scraping import Pages
from outside.stage import Stage


@pytest.mark.slow
def test_every_process_of_ours_can_be_looked_at_where_status_says(stage: Stage, tmp_path: Path) -> None:
    # What is set for one process outside a stack is no address for all of them.
    settings = {**stage.environment, "BASKETRY_OPS_LISTEN": "127.0.0.1:1"}
    stack = CommandLine(state_dir=tmp_path / ".basketry", settings=settings)
    up = stack("up", "--detach", "--workers", "2", "--schedulers", "1")
    try:
        assert up.returncode == 0, up.stderr
        urls = {one["name"]: one["ops"] for one in stack.status()["processes"]}
        assert urls.pop("supervisor") is None
        assert set(urls) == {"worker-1", "worker-2", "scheduler-1"}
        assert len(set(urls.values())) == 3
        for name, url in urls.items():
            split = urlsplit(url)
            assert (split.scheme, split.hostname) == ("http", "127.0.0.1")
            pages = Pages(port=split.port or 0)
            wait_for(lambda pages=pages: pages.is_ready)
            ((labels, _),) = [
                (dict(labels), value)
                for (metric, labels), value in pages.scrape().items()
                if metric == "basketry_process_info"
            ]
            assert labels["name"] == name
            assert url in stack("status").stdout
    finally:
        stack("down", "--wipe")
