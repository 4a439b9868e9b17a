"""The tab AdvXAI: what is written is read again, and whatever else is asked for gets nothing."""

from __future__ import annotations

import dataclasses
import json
import random
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from event_files import steps as steps_of
from figures.made_report import make_report
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins.base_plugin import TBContext
from werkzeug.test import Client

import keras_advxai_tensorboard
from keras_advxai.tensorboard import ReportWriter
from keras_advxai.tensorboard.names import DETAILS, OVERVIEW, PLUGIN, SHEETS
from keras_advxai.tensorboard.plugin import AdvXAIPlugin
from keras_advxai.viewer.assets import asset
from keras_advxai.viewer.document import document
from keras_advxai.viewer.png import is_png

EPOCHS = 30


@pytest.fixture(scope="module")
def reports():
    return [make_report(seed, chance=True) for seed in range(3)]


@pytest.fixture(scope="module")
def written(tmp_path_factory, reports):
    log_dir = tmp_path_factory.mktemp("logs")

    def new_images(report, shift):
        made = (dataclasses.replace(item, adversarial=np.roll(item.image, shift)) for item in report.examples)
        return dataclasses.replace(report, examples=tuple(made))

    plain = [new_images(report, shift) for shift, report in enumerate(reports, 2)]
    with ReportWriter(log_dir / "train") as writer:
        for epoch in range(EPOCHS):
            writer.write(plain[epoch % 3], epoch, images=epoch < 3)
    with ReportWriter(log_dir / "later") as writer:
        writer.write(reports[0], 0)
    return log_dir


@pytest.fixture(scope="module")
def ask(written):
    """Asks a route of the plugin, without a server."""
    multiplexer = EventMultiplexer(size_guidance={}, tensor_size_guidance={PLUGIN: 1000})
    multiplexer.AddRunsFromDirectory(str(written))
    multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, str(written))
    plugin = AdvXAIPlugin(TBContext(data_provider=provider))
    clients = {route: Client(app) for route, app in plugin.get_plugin_apps().items()}

    def ask(route, method="GET", **query):
        return clients[route].open("/", method=method, query_string=query)

    return ask


def test_epochs_are_read_beside_one_another(written):
    """Each read waits for TensorBoard's fast loader; here each waits until there is another one."""
    multiplexer = EventMultiplexer(size_guidance={}, tensor_size_guidance={PLUGIN: 1000})
    multiplexer.AddRunsFromDirectory(str(written))
    multiplexer.Reload()
    both = threading.Barrier(2, timeout=60)

    class Waiting(MultiplexerDataProvider):
        def read_blob(self, ctx=None, *, blob_key):
            both.wait()
            return super().read_blob(ctx, blob_key=blob_key)

    plugin = AdvXAIPlugin(TBContext(data_provider=Waiting(multiplexer, str(written))))
    answer = Client(plugin.get_plugin_apps()["/overviews"]).get("/", query_string={"run": "train/advxai/clean"})
    assert set(answer.get_json()["steps"]) == set(map(str, range(EPOCHS)))


def test_every_epoch_is_there_with_its_figures_and_pictures(ask, reports, written):
    runs = ask("/runs").get_json()["runs"]
    assert [(run["name"], len(run["steps"]), run["training"]) for run in runs] == [
        ("later", 1, False),
        ("train", EPOCHS, True),
    ]
    run = runs[1]["id"]
    overviews = ask("/overviews", run=run).get_json()["steps"]
    assert list(map(int, overviews)) == list(range(EPOCHS))
    for epoch in (0, 4, 29):
        made = document(dataclasses.replace(reports[epoch % 3], examples=()))
        assert overviews[str(epoch)]["figures"] == made.overview["figures"]
        details = ask("/details", run=run, step=epoch).get_json()
        assert details["samples"] == made.details["samples"]
    pictures = ask("/details", run=run, step=2).get_json()["pictures"]
    made = document(reports[2])
    for key in [*pictures["images"]["keys"], *pictures["heatmaps"]["grad_cam"]["keys"]]:
        answer = ask("/picture", run=run, key=key)
        assert answer.data == made.pictures[key]
        assert (answer.content_type, answer.headers["X-Content-Type-Options"]) == ("image/png", "nosniff")
    found = steps_of(written / "train" / "advxai" / "clean")
    assert found[OVERVIEW] == found[DETAILS] == list(range(EPOCHS))
    assert found[SHEETS] == [0, 1, 2]


def test_the_same_picture_is_written_once(tmp_path, reports):
    with ReportWriter(tmp_path) as writer:
        for epoch in range(2):
            writer.write(reports[0], epoch)
    assert steps_of(tmp_path / "advxai" / "clean")[SHEETS] == [0]


def test_files_are_those_on_the_list_with_headers_that_keep_them_files(ask):
    for name, kind in (("viewer.js", "text/javascript"), ("viewer.css", "text/css")):
        answer = ask(f"/{name}")
        assert answer.data == asset(name)
        assert answer.content_type.startswith(kind)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert ask("/runs", method="POST").status_code == 405


def test_malformed_requests_get_nothing(ask, written):
    """500 of them: no error of the server, no picture but a PNG, and nothing of the disk."""
    draw = random.Random(0)
    run = "train/advxai/clean"
    key = ask("/details", run=run, step=0).get_json()["pictures"]["images"]["keys"][0]
    pieces = [
        "..",
        "/",
        "\\",
        "%2e%2e",
        "\0",
        "\ud800".encode("utf-8", "surrogatepass"),
        "<script>",
        "etc/passwd",
        "'",
        "0" * 30,
    ]
    pieces += [run, key, "-1", "1e9", "٣", "", " ", "\n", "x" * 10_000, "advxai", "None", "{}", "[]"]
    for _ in range(500):
        route = draw.choice(["/runs", "/overviews", "/details", "/picture"])
        names = draw.sample(["run", "step", "key", "tag", "__proto__"], draw.randint(0, 4))
        query = {}
        for name in names:
            parts = draw.choices(pieces, k=draw.randint(1, 3))
            query[name] = b"".join(part if isinstance(part, bytes) else part.encode() for part in parts)
        answer = ask(route, method=draw.choice(["GET", "GET", "GET", "HEAD", "PUT"]), **query)
        assert answer.status_code in (200, 404, 405), (route, query)
        assert str(written).encode() not in answer.data
        assert b"Traceback" not in answer.data
        if answer.status_code == 200 and answer.data:
            assert is_png(answer.data) or isinstance(json.loads(answer.data), dict)
            assert b"NaN" not in answer.data or is_png(answer.data)


class Damaged:
    """A data provider whose blobs are not what was written."""

    def __init__(self, content):
        self.content = content

    def read_blob_sequences(self, context, **asked):
        value = type("Value", (), {"blob_key": "key"})
        datum = type("Datum", (), {"step": 3, "values": [value, value]})
        (tag,) = asked["run_tag_filter"].tags
        return {"run": {tag: [datum]}}

    def read_blob(self, context, *, blob_key):
        if isinstance(self.content, Exception):
            raise self.content
        return self.content


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\x1f\x8b\x08\0", b'["' + b"0" * 24 + b'"]', OSError("/secret/path is gone")]
)
def test_damaged_logs_are_no_error_of_the_server(content):
    apps = AdvXAIPlugin(TBContext(data_provider=Damaged(content))).get_plugin_apps()
    for route, query in (
        ("/overviews", {"run": "run"}),
        ("/details", {"run": "run", "step": 3}),
        ("/picture", {"run": "run", "key": "0" * 24}),
    ):
        answer = Client(apps[route]).get("/", query_string=query)
        assert (answer.status_code, answer.data) in [(404, b"This cannot be read."), (404, b"Not found.")]
    nothing = AdvXAIPlugin(TBContext(data_provider=None)).get_plugin_apps()
    assert Client(nothing["/runs"]).get("/").get_json() == {"runs": [], "old": False}


@pytest.mark.parametrize(
    ("runs", "is_old"),
    [
        (["logs/advxai/clean", "logs/advxai/fgsm_eps0.0314"], True),
        (["advxai\\fgsm_eps0.0314"], True),
        (["advxai/clean", "advxai/eps_8_255"], False),  # an epoch that is being written
        (["train", "my_eps0.1", "other/advxai/a/fgsm_eps0.1"], False),
        ([], False),
    ],
)
def test_logs_of_version_0_1_are_known_by_their_runs(runs, is_old):
    class Old:
        def read_blob_sequences(self, context, **asked):
            return {}

        def list_scalars(self, context, **asked):
            return {run: {} for run in runs}

    apps = AdvXAIPlugin(TBContext(data_provider=Old())).get_plugin_apps()
    assert Client(apps["/runs"]).get("/").get_json() == {"runs": [], "old": is_old}


def test_every_epoch_is_kept_unless_the_user_says_otherwise():
    flags = type("Flags", (), {"samples_per_plugin": {"advxai": 5}})()
    keras_advxai_tensorboard.AdvXAILoader().fix_flags(flags)
    assert flags.samples_per_plugin == {"advxai": 5, "images": 100}
    keras_advxai_tensorboard.AdvXAILoader().fix_flags(type("Flags", (), {})())  # of another TensorBoard


def python(code, **environment):
    root = str(Path(keras_advxai_tensorboard.__file__).parent)
    env = {"PYTHONPATH": root, "PATH": "/usr/bin:/bin", **environment}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=300)


def test_the_plugin_loads_neither_keras_nor_tensorflow_and_fails_alone():
    load = (
        "import sys\n"
        "from tensorboard.plugins.base_plugin import TBContext\n"
        "import keras_advxai_tensorboard\n"
        "plugin = keras_advxai_tensorboard.AdvXAILoader().load(TBContext())\n"
    )
    light = python(
        f"{load}assert plugin.plugin_name == 'advxai'\nassert len(plugin.get_plugin_apps()) == 7\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        "ours = [name for name in sys.modules if name.startswith('keras_advxai')]\n"
        "assert not loaded & {'keras', 'matplotlib', 'scipy', 'PIL', 'jinja2'}, ours\n"
        "assert 'keras_advxai.measurements' not in sys.modules and len(ours) < 14, ours\n"
    )
    assert light.returncode == 0, light.stderr[-2000:]
    # Where the package cannot be imported at all, TensorBoard goes on without the tab, and says why.
    alone = python(f"{load}assert plugin is None\n", KERAS_BACKEND="jax")
    assert alone.returncode == 0, alone.stderr[-2000:]
    assert "AdvXAI cannot be loaded" in alone.stderr
    broken = python("import sys\nsys.modules['keras_advxai.viewer.assets'] = None\n" + load + "assert plugin is None\n")
    assert broken.returncode == 0, broken.stderr[-2000:]


@pytest.mark.slow
def test_thirty_epochs_take_little_room(tmp_path):
    """16 images of 96x96 pixels, 5 conditions and 2 explainers: at most 20 MB."""
    from figures.made_report import make_example

    from keras_advxai.viewer.own_size import enlarged
    from keras_advxai.viewer.pictures import pictures

    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (16, 12, 12, 3)).repeat(8, 1).repeat(8, 2) / 255
    noise = generator.uniform(-1, 1, images.shape)
    epsilons = (4 / 255, 8 / 255)

    def epoch():
        signs = generator.choice([-1, 1], images.shape)
        made = []
        for place in range(16):
            full = generator.random((5, 96, 96)) ** 4
            small = enlarged(generator.random((5, 12, 12)), (96, 96))
            for explainer, maps in (("grad_cam", small), ("integrated_gradients", full)):
                for number, (attack, level) in enumerate((a, e) for a in ("fgsm", "noise") for e in epsilons):
                    change = level * (signs if attack == "fgsm" else noise)[place]
                    made.append(
                        make_example(
                            index=place,
                            attack=attack,
                            explainer=explainer,
                            epsilon=level,
                            image=images[place],
                            adversarial=np.clip(images[place] + change, 0, 1),
                            heatmap=maps[0] / maps[0].max(),
                            adversarial_heatmap=maps[1 + number] / maps[1 + number].max(),
                        )
                    )
        return pictures(made, dict.fromkeys(("fgsm", "noise"), epsilons), ("grad_cam", "integrated_gradients"))[1]

    first, second = epoch(), epoch()
    again = {key: png for key, png in second.items() if key not in first}
    total = sum(map(len, first.values())) + 29 * sum(map(len, again.values()))
    assert total <= 20e6, f"{total / 1e6:.1f} MB"
