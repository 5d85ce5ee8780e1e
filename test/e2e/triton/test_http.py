"""tritonclient[http], unmodified, against a server of this build."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
import tritonclient.http as client_module
from arrays import EXACT, SMALL
from conftest import Server
from identity import SLOW_ROWS, identity_name
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException


def tensor(name: str, array: np.ndarray, datatype: str, *, binary: bool = True) -> InferInput:
    made = InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def silero(state: bool = True) -> list[InferInput]:
    audio = (0.3 * np.sin(np.arange(576) / 5)).astype(np.float32).reshape(1, 576)
    inputs = [tensor("input", audio, "FP32")]
    return [*inputs, tensor("state", np.zeros((2, 1, 128), np.float32), "FP32")] if state else inputs


def slow_inputs() -> list[InferInput]:
    ones = np.ones((SLOW_ROWS, SLOW_ROWS), np.float32)
    return [tensor("a", ones, "FP32"), tensor("b", ones, "FP32")]


def failure(call: Callable[[], object]) -> InferenceServerException:
    with pytest.raises(InferenceServerException) as caught:
        call()
    return caught.value


# ---- Health and metadata


def test_it_is_live_and_ready(http: InferenceServerClient) -> None:
    assert http.is_server_live()
    assert http.is_server_ready()


def test_the_server_says_what_it_is(http: InferenceServerClient) -> None:
    metadata = http.get_server_metadata()
    assert metadata["name"] == "npubridge"
    assert {"binary_tensor_data", "model_repository", "schedule_policy", "statistics"} <= set(metadata["extensions"])


def test_a_model_says_what_it_takes(http: InferenceServerClient) -> None:
    metadata = http.get_model_metadata("silero-vad")
    assert metadata["inputs"][0] == {"name": "input", "datatype": "FP32", "shape": [1, 576]}
    assert [output["name"] for output in metadata["outputs"]] == ["output", "stateN"]


def test_free_sizes_are_minus_one(http: InferenceServerClient) -> None:
    assert http.get_model_metadata(identity_name("FP32"))["inputs"][0]["shape"] == [-1, 4]


def test_metadata_of_the_version_that_is_served(http: InferenceServerClient) -> None:
    assert http.get_model_metadata(identity_name("FP32"), "1")["versions"] == ["1"]


@pytest.mark.parametrize("name", ["nobody", "..", "a/b", "silero-vad.onnx", "x" * 200])
def test_an_unknown_model_is_not_ready(http: InferenceServerClient, name: str) -> None:
    assert not http.is_model_ready(name)


def test_an_unknown_version_is_not_found(http: InferenceServerClient) -> None:
    error = failure(lambda: http.get_model_metadata("silero-vad", "99"))
    assert error.status() == "404"
    assert "has no version" in error.message()


# ---- Inference: every datatype, as bytes and as JSON, through the engine and through a model


@pytest.mark.parametrize("datatype", EXACT)
@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_echo_keeps_every_bit(http: InferenceServerClient, datatype: str, binary: bool) -> None:
    array = EXACT[datatype]
    inputs = [tensor("data", array, datatype, binary=binary)]
    outputs = [InferRequestedOutput("data", binary_data=binary)]
    found = http.infer("echo", inputs, outputs=outputs).as_numpy("data")
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("datatype", SMALL)
@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_a_model_of_every_datatype(http: InferenceServerClient, datatype: str, binary: bool) -> None:
    array = SMALL[datatype].repeat(3, axis=0)
    inputs = [tensor("input", array, datatype, binary=binary)]
    outputs = [InferRequestedOutput("output", binary_data=binary)]
    found = http.infer(identity_name(datatype), inputs, outputs=outputs).as_numpy("output")
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_strings(http: InferenceServerClient, binary: bool) -> None:
    array = np.array([["", "a"], ["äöü", "x" * 1000]], np.object_)
    inputs = [tensor("data", array, "BYTES", binary=binary)]
    found = http.infer("echo", inputs, outputs=[InferRequestedOutput("data", binary_data=binary)]).as_numpy("data")
    decoded = [element if isinstance(element, str) else element.decode() for element in found.flatten()]
    assert decoded == list(array.flatten())


def test_inputs_as_bytes_and_as_json_in_one_request(http: InferenceServerClient) -> None:
    inputs = silero()
    inputs[1] = tensor("state", np.zeros((2, 1, 128), np.float32), "FP32", binary=False)
    outputs = [InferRequestedOutput("output", binary_data=False), InferRequestedOutput("stateN", binary_data=True)]
    result = http.infer("silero-vad", inputs, outputs=outputs)
    both = http.infer("silero-vad", silero())
    np.testing.assert_array_equal(result.as_numpy("stateN"), both.as_numpy("stateN"))
    np.testing.assert_allclose(result.as_numpy("output"), both.as_numpy("output"))


def test_only_the_outputs_that_are_asked_for(http: InferenceServerClient) -> None:
    result = http.infer("silero-vad", silero(), outputs=[InferRequestedOutput("output")])
    assert [output["name"] for output in result.get_response()["outputs"]] == ["output"]


def test_an_answer_has_the_id_and_says_what_ran_it(http: InferenceServerClient) -> None:
    answer = http.infer("silero-vad", silero(), request_id="mine").get_response()
    assert answer["id"] == "mine"
    assert answer["model_name"] == "silero-vad"
    assert answer["parameters"]["device"] == "CPU"


def test_a_large_tensor(http: InferenceServerClient) -> None:
    array = np.arange(4 * 500_000, dtype=np.float32).reshape(-1, 4)
    found = http.infer(identity_name("FP32"), [tensor("input", array, "FP32")]).as_numpy("output")
    np.testing.assert_array_equal(found, array)


def test_no_items_at_all(http: InferenceServerClient) -> None:
    found = http.infer("echo", [tensor("data", np.zeros((0, 4), np.float32), "FP32")]).as_numpy("data")
    assert found.shape == (0, 4)


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compressed_both_ways(http: InferenceServerClient, algorithm: str) -> None:
    array = np.zeros((1000, 4), np.float32)
    result = http.infer(
        identity_name("FP32"),
        [tensor("input", array, "FP32")],
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    np.testing.assert_array_equal(result.as_numpy("output"), array)


def test_many_at_once(http: InferenceServerClient) -> None:
    arrays = [np.full((1, 4), index, np.float32) for index in range(100)]
    pending = [http.async_infer(identity_name("FP32"), [tensor("input", array, "FP32")]) for array in arrays]
    for array, answer in zip(arrays, pending, strict=True):
        np.testing.assert_array_equal(answer.get_result().as_numpy("output"), array)


def test_a_sequence_carries_its_state(http: InferenceServerClient) -> None:
    def run(sequence: int, count: int) -> list[float]:
        return [
            float(
                http.infer(
                    "silero-vad",
                    silero(state=False),
                    sequence_id=sequence,
                    sequence_start=index == 0,
                    sequence_end=index == count - 1,
                ).as_numpy("output")[0, 0]
            )
            for index in range(count)
        ]

    first = run(7, 4)
    assert len(set(first)) > 1, "without state, every answer would be the same"
    assert run(8, 4) == first
    assert run(7, 4) == first, "a sequence that starts anew begins with fresh state"


def test_a_product_without_a_model(http: InferenceServerClient) -> None:
    a, b = np.array([[1, 2]], np.float32), np.array([[3], [4]], np.float32)
    found = http.infer("matrix_multiply", [tensor("a", a, "FP32"), tensor("b", b, "FP32")]).as_numpy("product")
    np.testing.assert_array_equal(found, [[11]])


# ---- Scheduling


@pytest.mark.parametrize("priority", [1, 2, 3, 4, 5])
def test_every_priority(http: InferenceServerClient, priority: int) -> None:
    assert http.infer("silero-vad", silero(), priority=priority).as_numpy("output") is not None


def test_a_priority_that_there_is_not(http: InferenceServerClient) -> None:
    error = failure(lambda: http.infer("silero-vad", silero(), priority=6))
    assert error.status() == "400"
    assert "parameters.priority is 6" in error.message()


def test_a_timeout_that_is_kept(http: InferenceServerClient) -> None:
    assert http.infer("silero-vad", silero(), timeout=5_000_000).as_numpy("output") is not None


def test_a_timeout_ends_while_another_inference_runs(server: Server, http: InferenceServerClient) -> None:
    http.infer("slow", slow_inputs())
    with client_module.InferenceServerClient(server.http, concurrency=8) as other:
        running = [other.async_infer("slow", slow_inputs()) for _ in range(8)]
        time.sleep(0.3)
        error = failure(lambda: http.infer("slow", slow_inputs(), timeout=1000))
        unfinished = [answer for answer in running if not answer._greenlet.ready()]
        assert error.status() == "504"
        assert unfinished, "the answer came while others were still at it"
        for answer in running:
            answer.get_result()


# ---- Repository


def test_the_index_names_every_model(http: InferenceServerClient) -> None:
    states = {entry["name"]: entry["state"] for entry in http.get_model_repository_index()}
    assert {"echo", "silero-vad", "corrupt", "slow", identity_name("FP64")} <= set(states)
    assert states["echo"] == "READY"


def test_unload_and_load(http: InferenceServerClient) -> None:
    name = identity_name("UINT8")
    inputs = [tensor("input", SMALL["UINT8"], "UINT8")]
    http.load_model(name)
    assert http.is_model_ready(name)
    http.unload_model(name)
    assert not http.is_model_ready(name)
    error = failure(lambda: http.infer(name, inputs))
    assert error.status() == "404"
    assert "was unloaded" in error.message()
    http.load_model(name)
    assert http.infer(name, inputs).as_numpy("output") is not None


def test_a_corrupt_model_cannot_be_loaded(http: InferenceServerClient) -> None:
    error = failure(lambda: http.load_model("corrupt"))
    assert error.status() == "400"
    assert not http.is_model_ready("corrupt")
    entry = next(entry for entry in http.get_model_repository_index() if entry["name"] == "corrupt")
    assert entry["state"] == "UNAVAILABLE"
    assert entry["reason"] not in ("", "not loaded yet")


def test_nothing_is_uploaded(http: InferenceServerClient) -> None:
    error = failure(lambda: http.load_model("silero-vad", config="{}", files={"file:1/model.onnx": b"x"}))
    assert error.status() == "400"


def test_unloading_under_load_answers_everything(server: Server, http: InferenceServerClient) -> None:
    name = identity_name("INT16")
    outcomes: list[str] = []

    def infer() -> None:
        with client_module.InferenceServerClient(server.http) as client:
            for _ in range(50):
                try:
                    client.infer(name, [tensor("input", SMALL["INT16"], "INT16")])
                    outcomes.append("ok")
                except InferenceServerException as error:
                    outcomes.append(str(error.status()))

    threads = [threading.Thread(target=infer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        http.unload_model(name)
        http.load_model(name)
    for thread in threads:
        thread.join()
    assert len(outcomes) == 200
    assert set(outcomes) <= {"ok", "404", "503"}


# ---- Statistics


def test_statistics_count_what_was_done(http: InferenceServerClient) -> None:
    name = identity_name("FP16")
    inputs = [tensor("input", SMALL["FP16"].repeat(2, axis=0), "FP16")]
    http.load_model(name)
    before = http.get_inference_statistics(name)["model_stats"][0]
    for _ in range(3):
        http.infer(name, inputs)
    with pytest.raises(InferenceServerException):
        http.infer(name, [tensor("input", np.zeros((1, 3), np.float16), "FP16")])
    after = http.get_inference_statistics(name)["model_stats"][0]
    assert after["inference_count"] - before["inference_count"] == 6, "two items in each of three requests"
    success = [stats["inference_stats"]["success"] for stats in (before, after)]
    assert success[1]["count"] - success[0]["count"] == 3
    assert success[1]["ns"] > success[0]["ns"]
    failed = [stats["inference_stats"]["fail"]["count"] for stats in (before, after)]
    assert failed[1] - failed[0] == 1
    assert {batch["batch_size"] for batch in after["batch_stats"]} >= {2}


def test_statistics_of_all_models(http: InferenceServerClient) -> None:
    http.load_model("silero-vad")
    names = {stats["name"] for stats in http.get_inference_statistics()["model_stats"]}
    assert {"silero-vad", "echo"} <= names


# ---- Errors


def test_an_unknown_model_names_the_nearest(http: InferenceServerClient) -> None:
    error = failure(lambda: http.infer("silero-vat", silero()))
    assert error.status() == "404"
    assert 'there is no model "silero-vat"' in error.message()


def test_an_unknown_input(http: InferenceServerClient) -> None:
    error = failure(lambda: http.infer("silero-vad", [tensor("imput", np.zeros((1, 576), np.float32), "FP32")]))
    assert error.status() == "400"
    assert "imput" in error.message()


def test_an_unknown_output(http: InferenceServerClient) -> None:
    error = failure(lambda: http.infer("silero-vad", silero(), outputs=[InferRequestedOutput("nothing")]))
    assert error.status() == "400"
    assert "nothing" in error.message()


def test_a_missing_input(http: InferenceServerClient) -> None:
    assert failure(lambda: http.infer("silero-vad", silero()[1:])).status() == "400"


def test_a_wrong_shape(http: InferenceServerClient) -> None:
    wrong = [tensor("input", np.zeros((1, 575), np.float32), "FP32"), silero()[1]]
    error = failure(lambda: http.infer("silero-vad", wrong))
    assert error.status() == "400"
    assert "575" in error.message()


def test_a_wrong_datatype(http: InferenceServerClient) -> None:
    wrong = [tensor("input", np.zeros((1, 576), np.float64), "FP64"), silero()[1]]
    error = failure(lambda: http.infer("silero-vad", wrong))
    assert error.status() == "400"
    assert "FP64" in error.message()


def test_strings_are_nothing_for_a_model(http: InferenceServerClient) -> None:
    wrong = [tensor("input", np.array([["a"]], np.object_), "BYTES"), silero()[1]]
    assert failure(lambda: http.infer("silero-vad", wrong)).status() == "400"


def test_classification_is_not_offered(http: InferenceServerClient) -> None:
    outputs = [InferRequestedOutput("output", class_count=3)]
    error = failure(lambda: http.infer("silero-vad", silero(), outputs=outputs))
    assert "classification" in error.message()
