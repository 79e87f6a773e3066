"""The alert rules: readable, about metrics that exist, each with a sentence and a way out."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from worker.ops import endpoint
from worker.ops.database_watch import DatabaseWatch
from worker.ops.signs import Signs, Ticks

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
SCRAPING = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
RUNBOOK = DEPLOY / "RUNBOOK.md"
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_sum", "_count"),
    "gauge": ("",),
}

rules = pytest.mark.parametrize("rule", ALERTS, ids=[rule["alert"] for rule in ALERTS])


def families() -> list[Any]:
    """Give every metric that a process of either kind shows."""
    watch = DatabaseWatch("postgresql://nobody@127.0.0.1:1/nothing", "tests")
    return [
        family
        for role, life in (("worker", Signs()), ("scheduler", Ticks()))
        for collector in endpoint.collectors(endpoint.Process(role=role, name="a"), life, watch)
        for family in collector.collect()
    ]


@rules
def test_a_rule_asks_only_for_what_exists(rule: dict[str, Any]) -> None:
    known = {family.name + suffix for family in families() for suffix in SUFFIXES[family.type]}
    asked = set(re.findall(r"\bbasketry_\w+", rule["expr"]))
    assert asked <= known
    assert asked or "up{job=" in rule["expr"]


@rules
def test_a_rule_asks_only_for_jobs_that_are_scraped(rule: dict[str, Any]) -> None:
    jobs = {one["job_name"] for one in SCRAPING["scrape_configs"]}
    assert set(re.findall(r'job="([^"]+)"', rule["expr"])) <= jobs


@rules
def test_a_rule_says_what_is_the_case_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"].endswith(".")
    path, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert path == "deploy/RUNBOOK.md"
    if RUNBOOK.exists():
        assert anchor in anchors(RUNBOOK.read_text(encoding="utf-8"))


def anchors(markdown: str) -> set[str]:
    """Give the anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_no_two_rules_have_one_name() -> None:
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS)
    assert SCRAPING["rule_files"] == ["alerts.yml"]


def test_every_metric_has_a_name_of_ours_a_unit_and_a_sentence() -> None:
    shown = [family for family in families() if not family.name.startswith("process_")]
    assert len({family.name for family in shown}) >= 20
    for family in shown:
        assert re.fullmatch(r"basketry_[a-z_]+", family.name)
        assert re.fullmatch(r"[A-Z0-9].{20,}\.", family.documentation), family.name
        if "Time" in family.documentation or "How long" in family.documentation:
            assert family.name.endswith("_seconds")


def test_labels_have_few_values() -> None:
    names = {name for family in families() for sample in family.samples for name in sample.labels}
    assert names <= {"command", "outcome", "kind", "publisher", "le", "version", "role", "name", "slot"} | {
        "implementation"
    }
    assert sum(len(family.samples) for family in families()) < 500
