"""What the server says to Prometheus, read by Prometheus' own library."""

from __future__ import annotations

import urllib.request

import numpy as np
import tritonclient.http as httpclient
from conftest import Server
from prometheus_client.parser import text_string_to_metric_families


def read(server: Server) -> dict[str, list[tuple[dict[str, str], float]]]:
    with urllib.request.urlopen(f"http://{server.http}/metrics") as answer:
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        text = answer.read().decode()
    families = list(text_string_to_metric_families(text))
    assert all(family.type in {"counter", "gauge", "summary", "histogram"} for family in families)
    assert all(family.documentation for family in families)
    return {
        sample.name: [(sample.labels, sample.value) for each in families for sample in each.samples if sample.name == sample_name]
        for family in families
        for sample in family.samples
        for sample_name in [sample.name]
    }


def total(samples: list[tuple[dict[str, str], float]], **labels: str) -> float:
    return sum(value for found, value in samples if labels.items() <= found.items())


def test_metrics_are_what_prometheus_reads_and_count(server: Server, http: httpclient.InferenceServerClient) -> None:
    data = httpclient.InferInput("data", [1], "FP32")
    data.set_data_from_numpy(np.zeros(1, np.float32))
    http.infer("echo", [data])
    before = read(server)
    for _ in range(5):
        http.infer("echo", [data])
    after = read(server)
    name = "npubridge_server_requests_total"
    grown = total(after[name], protocol="http", status="200") - total(before[name], protocol="http", status="200")
    assert grown == 6, "five inferences, and the metrics themselves"
    submitted = "npubridge_operations_submitted_total"
    assert total(after[submitted]) - total(before[submitted]) == 5
    assert total(after["npubridge_server_resident_bytes"]) > 10_000_000
