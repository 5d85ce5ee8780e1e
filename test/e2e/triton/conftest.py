"""A server of this build, and the clients that NVIDIA publishes for Triton, as they are."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from identity import write_identity, write_slow

ROOT = Path(__file__).resolve().parents[3]
NODE = ROOT / "node_modules" / ".bin" / "node"
STOP_SECONDS = 20


@dataclass(frozen=True)
class Server:
    http: str
    grpc: str
    models: Path
    process: subprocess.Popen[bytes]


def read_json(process: subprocess.Popen[bytes]) -> dict[str, object]:
    """The object that the server prints when it takes requests; it stands on several lines."""
    text = ""
    for line in process.stdout or ():
        text += line.decode()
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            continue
    raise AssertionError(f"the server ended with {process.wait()}: {text}")


def start_server(models: Path, *flags: str) -> Server:
    command = [str(NODE), str(ROOT / "bin" / "run.js"), "serve", "--json", "--device", "cpu"]
    command += ["--port", "0", "--grpc-port", "0", "--log-level", "warn", "--models", str(models), *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    state = read_json(process)
    http = str(state["url"]).removeprefix("http://").removeprefix("https://")
    return Server(http=http, grpc=str(state["grpc"]), models=models, process=process)


def stop_server(server: Server) -> int:
    server.process.terminate()
    return server.process.wait(STOP_SECONDS)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for datatype in ("FP32", "FP16", "INT32", "INT64", "INT8", "UINT8", "INT16", "UINT16", "UINT32", "UINT64", "FP64", "BOOL"):
        write_identity(folder, datatype)
    write_slow(folder)
    (folder / "corrupt.onnx").write_bytes(b"this is no model")
    return folder


@pytest.fixture(scope="session")
def server(models: Path) -> Iterator[Server]:
    running = start_server(models)
    yield running
    assert stop_server(running) == 0


@pytest.fixture
def http(server: Server) -> Iterator[httpclient.InferenceServerClient]:
    with httpclient.InferenceServerClient(server.http, concurrency=4) as client:
        yield client


@pytest.fixture
def grpc(server: Server) -> Iterator[grpcclient.InferenceServerClient]:
    with grpcclient.InferenceServerClient(server.grpc) as client:
        yield client
