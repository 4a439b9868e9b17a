"""The writer, read back with TensorBoard's own readers."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from event_files import by_plugin, folders, read, scalars
from figures.made_report import ATTACKS, EPSILONS, EXPLAINERS, NAN, make_report, without_explainers
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import backend_context

from keras_advxai.tensorboard import ReportWriter

REPORTS = {1: make_report(seed=1, chance=True), 4: make_report(seed=4, chance=True)}
RUNS = {f"{attack}_eps{epsilon:.4f}": (attack, epsilon) for attack in ATTACKS for epsilon in EPSILONS}
OTHERS = {"chance", "clean", "fgsm", "uniform_noise", "hparams"}


@pytest.fixture(scope="module")
def log_dir(tmp_path_factory):
    """Two epochs and the settings."""
    path = tmp_path_factory.mktemp("logs")
    with ReportWriter(path) as writer:
        for step, report in REPORTS.items():
            writer.write(report, step)
        writer.write_hparams(REPORTS[4])
    return path


def test_one_run_for_each_condition_and_no_others(log_dir):
    assert folders(log_dir) == {f"advxai/{run}" for run in {*RUNS, *OTHERS}}
    assert len(list(log_dir.rglob("events.*"))) == len(RUNS) + len(OTHERS)


def test_scalars_of_an_attack_are_the_numbers_of_the_report(log_dir):
    for run, (attack, epsilon) in RUNS.items():
        found = scalars(log_dir, run)
        rows = {
            step: next(row for row in report.rows if (row.attack, row.epsilon) == (attack, epsilon))
            for step, report in REPORTS.items()
        }
        for tag, name in {
            "advxai/accuracy": "accuracy",
            "advxai/flip_rate": "flip_rate",
            "advxai/attack_success_rate": "attack_success_rate",
            "advxai/mod/grad_cam": "mod",
            "~advxai_band/mod/grad_cam/low": "mod_low",
            "~advxai_band/mod/grad_cam/high": "mod_high",
            "~advxai_details/relative_mod/grad_cam": "relative_mod",
            "~advxai_details/mod_flipped/grad_cam": "mod_flipped",
            "~advxai_details/mod_kept/grad_cam": "mod_kept",
            "~advxai_details/mod_clean/grad_cam": "mod_clean",
            "~advxai_details/std/grad_cam": "std",
            "~advxai_details/blank_rate/grad_cam": "blank_rate",
        }.items():
            expected = {step: getattr(row, name) for step, row in rows.items() if not math.isnan(getattr(row, name))}
            assert found.pop(tag, {}) == pytest.approx(expected), tag
        assert set(found) == {"~advxai_details/blank_rate/integrated_gradients"}


def test_scalars_of_the_clean_images(log_dir):
    assert scalars(log_dir, "clean") == {
        "advxai/accuracy": {step: pytest.approx(report.clean_accuracy) for step, report in REPORTS.items()},
        "~advxai_details/blank_rate/grad_cam": dict.fromkeys(REPORTS, pytest.approx(1 / 6)),
        "~advxai_details/blank_rate/integrated_gradients": dict.fromkeys(REPORTS, 1.0),
    }


def test_chance_is_a_run_in_the_charts_of_mod(log_dir):
    found = scalars(log_dir, "chance")
    tags = {"advxai/mod/grad_cam", "~advxai_band/mod/grad_cam/low", "~advxai_band/mod/grad_cam/high"}
    assert found == {tag: dict.fromkeys(REPORTS, pytest.approx(0.25)) for tag in tags}


@pytest.mark.parametrize("attack", ATTACKS)
def test_vid_has_a_run_of_its_own(log_dir, attack):
    expected = {step: pytest.approx(report.vid(attack, "grad_cam")) for step, report in REPORTS.items()}
    assert scalars(log_dir, attack) == {"advxai_vid/grad_cam": expected}


def test_nothing_written_is_nan_and_all_tags_are_ascii(log_dir):
    for run in {*RUNS, *OTHERS}:
        events = read(log_dir, run)
        for tag in events.Tags()["tensors"]:
            assert tag.isascii()
            for event in events.Tensors(tag):
                value = tf.make_ndarray(event.tensor_proto)
                assert value.dtype.kind != "f" or np.isfinite(value).all(), (run, tag)


def test_histograms_count_every_image_that_has_a_nissim(log_dir):
    for run, (attack, epsilon) in RUNS.items():
        found = by_plugin(read(log_dir, run), "histograms")
        assert set(found) == {"advxai_nissim/grad_cam"}
        for step, buckets in found["advxai_nissim/grad_cam"].items():
            values = REPORTS[step].dissimilarity(attack, "grad_cam", epsilon)
            assert buckets[:, 2].sum() == 5
            assert buckets[0, 0] == pytest.approx(np.nanmin(values))
            assert buckets[-1, 1] == pytest.approx(np.nanmax(values))


def test_pictures_are_of_the_largest_epsilon_only(log_dir):
    for run, (attack, epsilon) in RUNS.items():
        found = by_plugin(read(log_dir, run), "images")
        names = {f"advxai_images/{attack}/{name}/{index}" for name in EXPLAINERS for index in range(2)}
        assert set(found) == (names if epsilon == max(EPSILONS) else set())
        for steps in found.values():
            assert set(steps) == set(REPORTS)
            for width, height, *pictures in steps.values():
                (picture,) = pictures
                assert tf.io.decode_png(picture).shape == (int(height), int(width), 3)
                assert (int(height), int(width)) == (100 + 50, 3 * 120 + 8)


def test_pictures_have_a_description(log_dir):
    events = read(log_dir, "fgsm_eps0.0627")
    text = events.SummaryMetadata("advxai_images/fgsm/grad_cam/1").summary_description
    assert text.startswith("Image 1, labelled class 1. fgsm at epsilon 16/255")


def test_layout_of_custom_scalars_names_tags_that_exist(log_dir):
    (values,) = by_plugin(read(log_dir, "clean"), "custom_scalars").values()
    assert len(values) == 1
    layout = layout_pb2.Layout.FromString(values[1].item())
    (category,) = layout.category
    accuracy, *margins = category.chart
    tags = set(scalars(log_dir, "fgsm_eps0.0627"))
    (pattern,) = accuracy.multiline.tag
    assert [tag for tag in tags if re.match(pattern, tag)] == ["advxai/accuracy"]
    assert [chart.title for chart in margins] == [f"MOD of {name}, with its 95 % interval" for name in EXPLAINERS]
    (series,) = margins[0].margin.series
    assert {series.value, series.lower, series.upper} <= tags


def test_hparams_dashboard_finds_settings_and_metrics(log_dir):
    multiplexer = EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(log_dir))
    multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, str(log_dir))
    context = backend_context.Context(TBContext(data_provider=provider, logdir=str(log_dir)))
    request = RequestContext()
    runs = context.hparams_metadata(request, "")
    assert set(runs) == {"advxai/hparams"}
    experiment = context.experiment_from_metadata(request, "", True, runs, [])
    settings = {info.name: list(info.domain_discrete) for info in experiment.hparam_infos}
    assert settings["epsilons"] == ["8/255, 16/255"]
    assert set(settings) == {
        *(
            "model",
            "attacks",
            "explainers",
            "epsilons",
            "target",
            "bounds",
            "preprocess",
            "labels",
            "images",
            "seed",
        )
    }
    assert {info.name.tag for info in experiment.metric_infos} == set(scalars(log_dir, "hparams"))


def test_hparams_metrics_are_those_of_the_largest_epsilon(log_dir):
    report = REPORTS[4]
    expected = {"~advxai_final/accuracy/clean": report.clean_accuracy}
    for attack in ATTACKS:
        expected[f"~advxai_final/accuracy/{attack}"] = report.accuracy(attack, 16 / 255)
        expected[f"~advxai_final/mod/{attack}/grad_cam"] = report.mod(attack, "grad_cam", 16 / 255)
        expected[f"~advxai_final/vid/{attack}/grad_cam"] = report.vid(attack, "grad_cam")
    assert scalars(log_dir, "hparams") == {tag: {4: pytest.approx(value)} for tag, value in expected.items()}


def test_two_directories_of_one_name_are_two_trials(tmp_path):
    trials = set()
    for parent in ("a", "b"):
        with ReportWriter(tmp_path / parent / "logs") as writer:
            writer.write_hparams(REPORTS[1], step=0)
        content = read(tmp_path / parent / "logs", "hparams").PluginTagToContent("hparams")
        trials |= set(re.findall(rb"logs-[0-9a-f]{6}", b"".join(content.values())))
    assert len(trials) == 2


def test_other_runs_beside_it_are_left_alone(tmp_path):
    for name in ("train", "validation"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "events.out.tfevents.1.host").write_bytes(b"something")
    with ReportWriter(tmp_path) as writer:
        writer.write(REPORTS[1], 0)
    assert {path.name for path in tmp_path.iterdir()} == {"train", "validation", "advxai"}
    for name in ("train", "validation"):
        (file,) = (tmp_path / name).iterdir()
        assert file.read_bytes() == b"something"


def test_beside_keras_own_callback_that_records_some_batches_only(tmp_path):
    class Write(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            writer.write(REPORTS[1], epoch)

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    with ReportWriter(tmp_path) as writer:
        tensorboard = keras.callbacks.TensorBoard(tmp_path, update_freq=1000, write_graph=False)
        model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=2, verbose=0, callbacks=[Write(), tensorboard])
    assert set(scalars(tmp_path, "clean")["advxai/accuracy"]) == {0, 1}
    train = EventAccumulator(str(tmp_path / "train"))
    train.Reload()
    assert not [tag for tag in train.Tags()["tensors"] if "advxai" in tag]


def test_each_write_can_be_read_at_once(tmp_path):
    writer = ReportWriter(tmp_path)
    for step in (0, 1):
        writer.write(REPORTS[1], step)
        assert max(scalars(tmp_path, "clean")["advxai/accuracy"]) == step
    writer.close()


def test_continuing_in_the_same_directory(tmp_path):
    for step, report in REPORTS.items():
        with ReportWriter(tmp_path) as writer:
            writer.write(report, step)
    assert set(scalars(tmp_path, "fgsm_eps0.0314")["advxai/accuracy"]) == set(REPORTS)


def test_nothing_is_created_before_something_is_written(tmp_path):
    with ReportWriter(tmp_path / "logs"):
        pass
    assert not (tmp_path / "logs").exists()


def test_a_second_writer_takes_the_directory_over(tmp_path):
    first = ReportWriter(tmp_path)
    first.write(REPORTS[1], 0)
    with ReportWriter(tmp_path / "." / "") as second:
        second.write(REPORTS[4], 1)
        with pytest.raises(ValueError, match=r"is closed.*another one was made for the same directory"):
            first.write(REPORTS[1], 1)
    assert set(scalars(tmp_path, "clean")["advxai/accuracy"]) == {0, 1}


def test_a_closed_writer_refuses(tmp_path):
    writer = ReportWriter(tmp_path)
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="is closed"):
        writer.write(REPORTS[1], 0)
    with pytest.raises(ValueError, match="is closed"):
        writer.write_hparams(REPORTS[1])
    assert not any(tmp_path.iterdir())


def test_class_names_are_in_the_pictures(tmp_path):
    digests = set()
    for names in (None, ["cat", "dog"]):
        with ReportWriter(tmp_path / str(names), class_names=names) as writer:
            writer.write(REPORTS[1], 0)
        events = read(tmp_path / str(names), "fgsm_eps0.0627")
        picture = by_plugin(events, "images")["advxai_images/fgsm/grad_cam/0"][0][2]
        digests.add(hashlib.sha256(picture).hexdigest())
    assert len(digests) == 2
    assert "labelled cat" in events.SummaryMetadata("advxai_images/fgsm/grad_cam/0").summary_description


@pytest.mark.parametrize("how", ["images=False", "no examples", "not finite"])
def test_without_pictures(tmp_path, how):
    report = REPORTS[1]
    if how == "no examples":
        report = dataclasses.replace(report, examples=())
    if how == "not finite":
        broken = [dataclasses.replace(e, adversarial=np.full_like(e.adversarial, NAN)) for e in report.examples]
        report = dataclasses.replace(report, examples=tuple(broken))
    with ReportWriter(tmp_path) as writer:
        writer.write(report, 0, images=how != "images=False")
    events = read(tmp_path, "fgsm_eps0.0627")
    assert not by_plugin(events, "images")
    assert by_plugin(events, "histograms")


def test_an_evaluation_of_accuracy_alone(tmp_path):
    with ReportWriter(tmp_path) as writer:
        writer.write(without_explainers(REPORTS[1]), 0)
        writer.write_hparams(without_explainers(REPORTS[1]))
    assert folders(tmp_path) == {f"advxai/{run}" for run in {*RUNS, "clean", "hparams"}}
    found = scalars(tmp_path, "fgsm_eps0.0314")
    assert set(found) == {"advxai/accuracy", "advxai/flip_rate", "advxai/attack_success_rate"}


def test_names_that_are_no_folder_names(tmp_path):
    report = make_report(attacks=("../up/and away", "clean"), epsilons=(0.00001, 0.00002))
    with ReportWriter(tmp_path / "logs") as writer:
        writer.write(report, 0)
        writer.write_hparams(report)
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]
    assert {path.name for path in (tmp_path / "logs").iterdir()} == {"advxai"}
    assert len(folders(tmp_path / "logs")) == 2 * (2 + 1) + 2
    assert all(folder.count("/") == 1 for folder in folders(tmp_path / "logs"))


def test_without_labels_no_label_is_claimed(tmp_path):
    with ReportWriter(tmp_path) as writer:
        writer.write(make_report(labels="clean prediction"), 0)
    events = read(tmp_path, "fgsm_eps0.0627")
    assert "labelled" not in events.SummaryMetadata("advxai_images/fgsm/grad_cam/0").summary_description


def test_step_may_come_from_numpy_but_not_be_negative(tmp_path):
    with ReportWriter(tmp_path) as writer:
        writer.write(REPORTS[1], np.int64(3))
        with pytest.raises(ValueError, match="Received: step=-1"):
            writer.write(REPORTS[1], -1)
        writer.write_hparams(REPORTS[1])
    assert set(scalars(tmp_path, "hparams")["~advxai_final/accuracy/clean"]) == {3}
