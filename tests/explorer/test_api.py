"""The HTTP API, as a client on another machine sees it."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image

from densenet import PRESETS, DenseNetConfig, Workload, estimate_memory, totals
from densenet.arithmetic.plan import plan
from densenet.attribution import attribute
from densenet.features.reuse import reuse
from densenet.pictures.images import read_image
from densenet.predict import classify, input_of, view_of
from densenet.weights.known import DEFAULT
from densenet.weights.loading import load
from explorer.app import create_app
from explorer.components.messages import Page
from explorer.components.overlays import overlay
from explorer.settings import Settings
from tests.support.coroutines import result_of
from tests.support.serving import ROOT
from tests.support.session import Request

BEAGLE = ROOT / "assets" / "samples" / "beagle.jpg"


@pytest.fixture(scope="module")
def client(server: tuple[str, int]) -> Iterator[Client]:
    connected = Client(server[0], verbose=False)
    yield connected
    connected.close()


def test_architecture(client: Client) -> None:
    answer = client.predict(api_name="/architecture")
    assert answer["totals"] == totals(PRESETS["densenet121"])._asdict()
    assert answer["preset"] == "densenet121"
    assert sum(step["params"] for step in answer["steps"]) == answer["totals"]["params"]
    assert client.predict(growth_rate=48, block_config=[6, 12, 36, 24], num_init_features=96, api_name="/architecture")["totals"][
        "params"
    ] == (28_681_000)


def test_layers(client: Client) -> None:
    rows = client.predict(image_size=64, api_name="/layers")["layers"]
    assert [row["layer"] for row in rows] == [row.path for row in plan(PRESETS["densenet121"], 64)]


def test_memory(client: Client) -> None:
    answer = client.predict(batch_size=4, mode="train", optimizer="adam", api_name="/memory")
    expected = estimate_memory(PRESETS["densenet121"], Workload(batch_size=4, mode="train", optimizer="adam"))
    assert answer["peak"] == expected.peak
    assert sum(answer[part] for part in ("parameters", "gradients", "optimizer", "activations", "other")) == answer["peak"]
    assert answer["where"]["phase"] == expected.where.phase


def test_measure(client: Client) -> None:
    fields = {"growth_rate": 4, "block_config": [2, 2], "num_init_features": 8, "num_classes": 10, "stem": "cifar", "image_size": 32}
    answer = client.predict(**fields, mode="train", batch_size=2, api_name="/measure")
    estimate = client.predict(**fields, mode="train", batch_size=2, api_name="/memory")
    assert answer["peak"] == pytest.approx(estimate["peak"], rel=0.03)
    assert answer["seconds"] > 0


def test_instantiate(client: Client) -> None:
    answer = client.predict(
        growth_rate=4, block_config=[2, 2], num_init_features=8, num_classes=10, stem="cifar", image_size=32, api_name="/instantiate"
    )
    assert answer["params"] == 3_730
    assert answer["output_shape"] == [1, 10]
    assert answer["forward_seconds"] > 0


def test_predict_and_attribute(client: Client) -> None:
    best = client.predict(photo=handle_file(BEAGLE), k=3, api_name="/predict")["predictions"]
    assert len(best) == 3
    assert best[0]["label"] == "beagle"
    answer = client.predict(photo=handle_file(BEAGLE), method="integrated_gradients", api_name="/attribute")
    assert (answer["label"], len(answer["map"]), len(answer["map"][0])) == ("beagle", 176, 176)
    assert abs(answer["delta"]) < 1


def test_the_temperature_is_the_librarys(client: Client) -> None:
    answer = client.predict(photo=handle_file(BEAGLE), k=10, temperature=4.0, api_name="/predict")["predictions"]
    expected = classify(load(DEFAULT), read_image(BEAGLE), 10, 4.0)
    assert [(one["label"], one["index"]) for one in answer] == [(one.label, one.index) for one in expected]
    assert [one["probability"] for one in answer] == pytest.approx([one.probability for one in expected], abs=1e-5)


def test_options_another_class_and_the_picture_are_the_librarys(client: Client) -> None:
    asked = {"method": "integrated_gradients", "target": 5, "against": 3, "options": {"steps": 6, "baseline": "black"}}
    answer = client.predict(photo=handle_file(BEAGLE), **asked, api_name="/attribute")
    model = load(DEFAULT)
    view = view_of(model, read_image(BEAGLE))
    result = attribute(model, input_of(model, view), 5, "integrated_gradients", against=3, steps=6, baseline="black")
    values = result.map.sum(1)[0].numpy()
    assert (answer["target"], answer["against"]) == (5, 3)
    np.testing.assert_allclose(answer["map"], values, rtol=1e-3, atol=1e-3 * np.abs(values).max())
    assert answer["delta"] == pytest.approx(result.delta, abs=1e-2)
    shown = Image.open(io.BytesIO(base64.b64decode(answer["picture"].removeprefix("data:image/png;base64,"))))
    expected = np.asarray(overlay(view, values)).astype(int)
    assert np.abs(np.asarray(shown).astype(int) - expected).max() <= 2
    alone = client.predict(photo=handle_file(BEAGLE), **{**asked, "against": -1}, api_name="/attribute")
    assert alone["against"] is None
    assert alone["map"] != answer["map"]


@pytest.mark.parametrize(
    ("endpoint", "fields", "sentence"),
    [
        ("/architecture", {"growth_rate": 0}, "growth_rate must be 1 to 512, got 0"),
        ("/architecture", {"growth_rate": True}, "growth_rate must be 1 to 512, got True"),
        ("/layers", {"block_config": "x"}, "block_config must be 1 to 8 blocks of 1 to 256 layers, got 'x'"),
        ("/memory", {"image_size": 3}, "image_size must be 29 to 4096"),
        ("/instantiate", {"compression": 7}, "compression must be above 0 to 1, got 7"),
    ],
)
def test_bad_fields_are_answered_with_the_sentence(client: Client, endpoint: str, fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(AppError) as error:
        client.predict(api_name=endpoint, **fields)
    assert sentence in str(error.value)


def test_bad_photos_and_names_are_answered(client: Client, tmp_path: Any) -> None:
    text = tmp_path / "text.png"
    text.write_text("no picture")
    for arguments, sentence in (
        ({"photo": handle_file(text)}, "Cannot read text.png as a photo"),
        ({"photo": handle_file(BEAGLE), "net": "nonsense"}, "weights must be one of photos23, cifar10"),
        ({"photo": handle_file(BEAGLE), "k": 0}, "k must be 1 or more"),
    ):
        with pytest.raises(AppError, match=sentence):
            client.predict(api_name="/predict", **arguments)
    with pytest.raises(AppError, match="target must be 0 to 22, got 23"):
        client.predict(photo=handle_file(BEAGLE), target=23, api_name="/attribute")
    with pytest.raises(AppError, match="method must be one of"):
        client.predict(photo=handle_file(BEAGLE), method="guess", api_name="/attribute")


def test_files_of_the_server_are_not_read(server: tuple[str, int]) -> None:
    body = json.dumps({"data": [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, "cifar10", 5]}).encode()
    request = urllib.request.Request(f"{server[0]}gradio_api/call/predict", body, {"content-type": "application/json"})
    event = json.load(urllib.request.urlopen(request))["event_id"]
    answer = urllib.request.urlopen(f"{server[0]}gradio_api/call/predict/{event}").read().decode()
    assert "event: error" in answer
    assert "root:" not in answer  # the sentence repeats what was sent, and nothing of the file


def test_compare(client: Client) -> None:
    answer = client.predict(growth_rate=4, block_config=[2, 2], num_init_features=8, image_size=32, stem="cifar", api_name="/compare")
    assert answer["variant"] == "BC"
    assert answer["variants"]["BC"]["totals"]["params"] < answer["variants"]["plain"]["totals"]["params"]
    assert answer["peers"]["resnet18"]["params"] == 11_689_512
    assert answer["published"]["resnet50"]["top1_accuracy"] == 76.13


@pytest.mark.parametrize("weighted", [False, True])
def test_reuse(client: Client, weighted: bool) -> None:
    answer = client.predict(weighted=weighted, api_name="/reuse")
    assert answer["net"] == DEFAULT
    expected = [block.as_dict() for block in reuse(load(DEFAULT), weighted)]
    assert answer["blocks"] == json.loads(json.dumps(expected))
    assert '"path"' not in json.dumps(answer)


def test_reuse_refuses_what_it_does_not_know(client: Client) -> None:
    with pytest.raises(AppError, match="weights must be one of"):
        client.predict(net="nonsense", api_name="/reuse")
    with pytest.raises(AppError, match="weighted must be true or false, got 'x'"):
        client.predict(weighted="x", api_name="/reuse")
    with pytest.raises(AppError, match="not on this machine"):
        client.predict(net="densenet121", api_name="/reuse")


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.sampled_from([10**30, -(10**30), "/etc/passwd"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["path", "a"]), inner, max_size=2),
    max_leaves=3,
)
SMALL = {"growth_rate": 4, "block_config": [2, 2], "num_init_features": 8, "num_classes": 10, "stem": "cifar", "image_size": 32}
FIELDS = [field for owner in (DenseNetConfig, Workload) for field in dataclasses.fields(owner)]
COUNTED = ("architecture", "layers", "memory", "compare", "instantiate", "measure")
TAKE_LONG = ("begin_training", "torchinfo_summary", "measure_one_step", "measure_comparison", "live")  # whatever is sent


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    app = create_app(Settings(device="cpu", offline=True, runs_dir=tmp_path_factory.mktemp("runs")))
    assert isinstance(app, Page)
    return app


def usual_values(fn: Any) -> list[Any]:
    """What a call sends that asks for nothing odd; nets are small."""
    if fn.api_name in COUNTED:
        return [SMALL.get(field.name, field.default) for field in FIELDS]
    return [getattr(block, "value", None) for block in fn.inputs]


@hypothesis_settings(max_examples=150)
@given(st.data())
def test_no_odd_value_is_answered_by_silence(page: Page, data: st.DataObject) -> None:
    events = [fn for fn in page.fns.values() if fn.fn is not None and fn.api_name not in TAKE_LONG]
    fn = data.draw(st.sampled_from(events), label="event")
    values = usual_values(fn)
    sent = [i for i, block in enumerate(fn.inputs) if not isinstance(block, gr.State)]
    for i in data.draw(st.lists(st.sampled_from(sent), max_size=2, unique=True)) if sent else ():
        values[i] = data.draw(ODD, label=f"value {i}")
    words = data.draw(st.dictionaries(st.sampled_from(["index", "value", "net", "method"]), ODD), label="event data")
    call = page.process_api(fn, values, request=Request("odd"), event_data=gr.EventData(None, words))  # type: ignore[arg-type]
    said = ""
    try:
        assert "data" in result_of(call)
    except gr.Error as error:  # nothing else may come
        said = error.message or "nothing"
    assert said != "nothing"
    assert "Traceback" not in said
