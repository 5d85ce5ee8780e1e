"""tritonclient[grpc], unmodified, against a server of this build."""

from __future__ import annotations

import queue
from collections.abc import Callable

import grpc as grpc_module
import numpy as np
import pytest
from arrays import EXACT, SMALL
from conftest import Server
from identity import SLOW_ROWS, identity_name
from tritonclient.grpc import (
    InferenceServerClient,
    InferInput,
    InferRequestedOutput,
    InferResult,
    service_pb2,
    service_pb2_grpc,
)
from tritonclient.utils import InferenceServerException


def tensor(name: str, array: np.ndarray, datatype: str) -> InferInput:
    made = InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array)
    return made


def silero(state: bool = True) -> list[InferInput]:
    audio = (0.3 * np.sin(np.arange(576) / 5)).astype(np.float32).reshape(1, 576)
    inputs = [tensor("input", audio, "FP32")]
    return [*inputs, tensor("state", np.zeros((2, 1, 128), np.float32), "FP32")] if state else inputs


def failure(call: Callable[[], object]) -> InferenceServerException:
    with pytest.raises(InferenceServerException) as caught:
        call()
    return caught.value


def test_it_is_live_and_ready(grpc: InferenceServerClient) -> None:
    assert grpc.is_server_live()
    assert grpc.is_server_ready()


def test_the_server_says_what_it_is(grpc: InferenceServerClient) -> None:
    assert grpc.get_server_metadata().name == "npubridge"


def test_a_model_says_what_it_takes(grpc: InferenceServerClient) -> None:
    metadata = grpc.get_model_metadata("silero-vad")
    assert list(metadata.inputs[0].shape) == [1, 576]
    assert [output.name for output in metadata.outputs] == ["output", "stateN"]


@pytest.mark.parametrize("name", ["nobody", "a/b", "corrupt"])
def test_a_model_that_cannot_be_had_is_not_ready(grpc: InferenceServerClient, name: str) -> None:
    assert not grpc.is_model_ready(name)


@pytest.mark.parametrize("datatype", EXACT)
def test_echo_keeps_every_bit(grpc: InferenceServerClient, datatype: str) -> None:
    array = EXACT[datatype]
    found = grpc.infer("echo", [tensor("data", array, datatype)]).as_numpy("data")
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("datatype", SMALL)
def test_a_model_of_every_datatype(grpc: InferenceServerClient, datatype: str) -> None:
    array = SMALL[datatype].repeat(3, axis=0)
    found = grpc.infer(identity_name(datatype), [tensor("input", array, datatype)]).as_numpy("output")
    np.testing.assert_array_equal(found, array)


def test_strings(grpc: InferenceServerClient) -> None:
    array = np.array([["", "a"], ["äöü", "x" * 1000]], np.object_)
    found = grpc.infer("echo", [tensor("data", array, "BYTES")]).as_numpy("data")
    assert [element.decode() for element in found.flatten()] == list(array.flatten())


CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
}


@pytest.mark.parametrize("datatype", CONTENTS)
def test_contents_that_are_not_raw(server: Server, datatype: str) -> None:
    array = EXACT[datatype]
    request = service_pb2.ModelInferRequest(model_name="echo")
    made = request.inputs.add(name="data", datatype=datatype, shape=list(array.shape))
    getattr(made.contents, CONTENTS[datatype]).extend(array.flatten().tolist())
    with grpc_module.insecure_channel(server.grpc) as channel:
        answer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request)
    assert answer.raw_output_contents[0] == array.tobytes()


def test_contents_of_another_length_than_the_shape(server: Server) -> None:
    request = service_pb2.ModelInferRequest(model_name="echo")
    request.inputs.add(name="data", datatype="INT32", shape=[3]).contents.int_contents.extend([1, 2])
    with grpc_module.insecure_channel(server.grpc) as channel, pytest.raises(grpc_module.RpcError) as caught:
        service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request)
    assert caught.value.code() == grpc_module.StatusCode.INVALID_ARGUMENT


def test_only_the_outputs_that_are_asked_for(grpc: InferenceServerClient) -> None:
    result = grpc.infer("silero-vad", silero(), outputs=[InferRequestedOutput("output")], request_id="mine")
    answer = result.get_response()
    assert [output.name for output in answer.outputs] == ["output"]
    assert answer.id == "mine"
    assert answer.parameters["device"].string_param == "CPU"


def test_compressed(grpc: InferenceServerClient) -> None:
    array = np.zeros((1000, 4), np.float32)
    found = grpc.infer(identity_name("FP32"), [tensor("input", array, "FP32")], compression_algorithm="gzip")
    np.testing.assert_array_equal(found.as_numpy("output"), array)


def test_many_at_once(grpc: InferenceServerClient) -> None:
    answers: queue.Queue[tuple[InferResult | None, Exception | None]] = queue.Queue()
    for index in range(50):
        array = np.full((1, 4), index, np.float32)
        grpc.async_infer(
            identity_name("FP32"),
            [tensor("input", array, "FP32")],
            callback=lambda result, error: answers.put((result, error)),
            request_id=str(index),
        )
    for _ in range(50):
        result, error = answers.get(timeout=20)
        assert error is None
        assert result is not None
        assert result.as_numpy("output")[0, 0] == int(result.get_response().id)


def test_a_stream_is_answered_in_its_order_and_goes_on_after_an_error(grpc: InferenceServerClient) -> None:
    answers: queue.Queue[tuple[InferResult | None, Exception | None]] = queue.Queue()
    grpc.start_stream(lambda result, error: answers.put((result, error)))
    for name in ("echo", "nobody", "echo"):
        grpc.async_stream_infer(name, [tensor("data", EXACT["INT32"], "INT32")], request_id=name)
    outcomes = []
    for _ in range(3):
        _, error = answers.get(timeout=20)
        outcomes.append("ok" if error is None else "failed")
    grpc.stop_stream()
    assert outcomes == ["ok", "failed", "ok"]


def test_a_sequence_by_name(grpc: InferenceServerClient) -> None:
    def run(sequence: str) -> list[float]:
        return [
            float(
                grpc.infer(
                    "silero-vad", silero(state=False), sequence_id=sequence, sequence_start=index == 0
                ).as_numpy("output")[0, 0]
            )
            for index in range(3)
        ]

    first = run("one")
    assert len(set(first)) > 1
    assert run("two") == first


@pytest.mark.parametrize("priority", [1, 5])
def test_priorities(grpc: InferenceServerClient, priority: int) -> None:
    assert grpc.infer("silero-vad", silero(), priority=priority).as_numpy("output") is not None


def test_a_priority_that_there_is_not(grpc: InferenceServerClient) -> None:
    assert failure(lambda: grpc.infer("silero-vad", silero(), priority=9)).status() == "StatusCode.INVALID_ARGUMENT"


def test_a_timeout_that_ends(grpc: InferenceServerClient) -> None:
    ones = np.ones((SLOW_ROWS, SLOW_ROWS), np.float32)
    inputs = [tensor("a", ones, "FP32"), tensor("b", ones, "FP32")]
    answers: queue.Queue[Exception | None] = queue.Queue()
    grpc.infer("slow", inputs)
    for _ in range(8):
        grpc.async_infer("slow", inputs, callback=lambda result, error: answers.put(error))
    error = failure(lambda: grpc.infer("slow", inputs, timeout=1))
    assert error.status() == "StatusCode.DEADLINE_EXCEEDED"
    assert [answers.get(timeout=60) for _ in range(8)] == [None] * 8


def test_unload_and_load(grpc: InferenceServerClient) -> None:
    name = identity_name("UINT16")
    grpc.load_model(name)
    assert grpc.is_model_ready(name)
    grpc.unload_model(name)
    assert not grpc.is_model_ready(name)
    grpc.load_model(name)
    states = {model.name: model.state for model in grpc.get_model_repository_index().models}
    assert states[name] == "READY"


def test_statistics(grpc: InferenceServerClient) -> None:
    name = identity_name("INT8")
    for _ in range(2):
        grpc.infer(name, [tensor("input", SMALL["INT8"], "INT8")])
    stats = grpc.get_inference_statistics(name).model_stats[0]
    assert stats.inference_count >= 2
    assert stats.inference_stats.compute_infer.ns > 0


def test_an_unknown_model(grpc: InferenceServerClient) -> None:
    error = failure(lambda: grpc.infer("nobody", silero()))
    assert error.status() == "StatusCode.NOT_FOUND"


def test_a_wrong_shape(grpc: InferenceServerClient) -> None:
    wrong = [tensor("input", np.zeros((1, 575), np.float32), "FP32"), silero()[1]]
    error = failure(lambda: grpc.infer("silero-vad", wrong))
    assert error.status() == "StatusCode.INVALID_ARGUMENT"
    assert "575" in error.message()


def test_no_files_are_uploaded(grpc: InferenceServerClient) -> None:
    error = failure(lambda: grpc.load_model("silero-vad", config="{}", files={"file:1/model.onnx": b"x"}))
    assert error.status() == "StatusCode.UNIMPLEMENTED"
