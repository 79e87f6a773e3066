"""Prometheus and a load balancer, as they ask a process: over HTTP, now and then."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


@dataclass(frozen=True, kw_only=True)
class Pages:
    """The pages of one process."""

    port: int

    @property
    def listen(self) -> str:
        """Give the setting of the process."""
        return f"127.0.0.1:{self.port}"

    def get(self, path: str, method: str = "GET") -> tuple[int, str, bytes]:
        """Give status, media type and body."""
        request = urllib.request.Request(f"http://{self.listen}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return response.status, response.headers["content-type"], response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["content-type"], error.read()

    def asked(self, path: str) -> tuple[int, Any]:
        """Give status and body of a page in JSON."""
        status, media_type, body = self.get(path)
        assert media_type == "application/json"
        return status, json.loads(body)

    @property
    def is_ready(self) -> bool:
        return self.asked("/readyz")[0] == 200

    @property
    def reasons(self) -> list[str]:
        """Say why it is not ready."""
        reasons: list[str] = self.asked("/readyz")[1].get("reasons", [])
        return reasons

    def scrape(self) -> Samples:
        status, _, body = self.get("/metrics")
        assert status == 200
        return samples(body.decode())

    def value(self, name: str, **labels: str) -> float:
        return self.scrape()[name, frozenset(labels.items())]


def samples(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
