"""The examples of docs/serve.md, as they stand there but for the address."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from conftest import ROOT, Server

GUIDE = (ROOT / "docs" / "serve.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_runs(server: Server, example: str) -> None:
    code = example.replace("localhost:8000", server.http).replace("localhost:8001", server.grpc)
    assert code != example, "it names the usual address"
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True, timeout=60)
    assert outcome.returncode == 0, outcome.stderr
