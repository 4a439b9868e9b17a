"""The writer, read back with TensorBoard's own readers."""

from __future__ import annotations

import dataclasses
import math
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from event_files import by_plugin, folders, read, scalars
from figures.made_report import ATTACKS, EPSILONS, EXPLAINERS, NAN, make_report, without_explainers
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from written_training import REPORTS, STRONGEST

from keras_advxai.evaluation import EvaluationSettings
from keras_advxai.tensorboard import ReportWriter

LOW_HIGH = ("low", "high")
RUNS = {"eps_8_255": 8 / 255, "eps_16_255": 16 / 255}
ALL = {"clean", "noise_16_255", *RUNS}
SECTIONS = {"fgsm": "advxai", "uniform_noise": "advxai_controls"}


def by_step(number):
    """Step to a number of the report; without NaN, which is not written."""
    found = {step: number(report) for step, report in REPORTS.items()}
    return {step: pytest.approx(value) for step, value in found.items() if not math.isnan(value)}


def test_one_run_for_each_epsilon_and_no_others(log_dir):
    assert folders(log_dir) == {f"advxai/{run}" for run in ALL}
    assert len(list(log_dir.rglob("events.*"))) == len(ALL)


def test_with_the_usual_settings_there_are_six_runs(tmp_path):
    with ReportWriter(tmp_path) as writer:
        writer.write(make_report(epsilons=EvaluationSettings().epsilons), 0)
        writer.write_final(make_report(epsilons=EvaluationSettings().epsilons), images=False)
    runs = {"clean", "noise_8_255", "eps_1_255", "eps_2_255", "eps_4_255", "eps_8_255"}
    assert folders(tmp_path) == {f"advxai/{run}" for run in runs}
    assert max(map(len, runs)) <= 12  # TensorBoard cuts them off at 25 characters, those of the folder included


def test_scalars_of_an_epsilon_are_the_numbers_of_the_report(log_dir):
    for run, epsilon in RUNS.items():
        found = scalars(log_dir, run)
        for attack, section in SECTIONS.items():

            def of_row(name, attack=attack, epsilon=epsilon):
                return by_step(
                    lambda report: getattr(
                        next(row for row in report.rows if (row.attack, row.epsilon) == (attack, epsilon)), name
                    )
                )

            for tag, name in {
                f"{section}/accuracy/{attack}": "accuracy",
                f"{section}/mod/grad_cam/{attack}": "mod",
                f"~advxai_band/mod/grad_cam/{attack}/low": "mod_low",
                f"~advxai_band/mod/grad_cam/{attack}/high": "mod_high",
                f"~advxai_details/flip_rate/{attack}": "flip_rate",
                f"~advxai_details/attack_success_rate/{attack}": "attack_success_rate",
                **{
                    f"~advxai_details/{name}/grad_cam/{attack}": name
                    for name in ("relative_mod", "mod_flipped", "mod_kept", "mod_clean", "std", "blank_rate")
                },
            }.items():
                assert found.pop(tag, {}) == of_row(name), tag
        assert set(found) == {f"~advxai_details/blank_rate/integrated_gradients/{attack}" for attack in ATTACKS}


def test_scalars_of_the_clean_images_stand_in_the_charts_of_the_attacks(log_dir):
    found = scalars(log_dir, "clean")
    for attack, section in SECTIONS.items():
        assert found.pop(f"{section}/accuracy/{attack}") == by_step(lambda report: report.clean_accuracy)
        vid = by_step(lambda report, attack=attack: report.vid(attack, "grad_cam"))
        assert found.pop(f"advxai_vid/grad_cam/{attack}") == vid
        for tag in (f"{section}/mod/grad_cam/{attack}", *(f"~advxai_band/mod/grad_cam/{attack}/{e}" for e in LOW_HIGH)):
            assert found.pop(tag) == dict.fromkeys(REPORTS, pytest.approx(0.25))  # chance
    assert found.pop("~advxai_details/blank_rate/grad_cam") == dict.fromkeys(REPORTS, pytest.approx(1 / 6))
    assert found.pop("~advxai_details/blank_rate/integrated_gradients") == dict.fromkeys(REPORTS, 1.0)
    assert all(tag.startswith("~advxai_final/") for tag in found)


def test_the_noise_stands_in_the_charts_of_the_attacks(log_dir):
    found = scalars(log_dir, "noise_16_255")
    largest = max(EPSILONS)
    intervals = {s: report.mod_interval("uniform_noise", "grad_cam", largest) for s, report in REPORTS.items()}
    assert found == {
        "advxai/accuracy/fgsm": by_step(lambda report: report.accuracy("uniform_noise", largest)),
        "advxai/mod/grad_cam/fgsm": by_step(lambda report: report.mod("uniform_noise", "grad_cam", largest)),
        **{
            f"~advxai_band/mod/grad_cam/fgsm/{end}": {step: pytest.approx(pair[i]) for step, pair in intervals.items()}
            for i, end in enumerate(LOW_HIGH)
        },
    }


def test_nothing_written_is_nan_and_all_tags_are_ascii(log_dir):
    for run in ALL:
        events = read(log_dir, run)
        for tag in events.Tags()["tensors"]:
            assert tag.isascii()
            for event in events.Tensors(tag):
                value = tf.make_ndarray(event.tensor_proto)
                assert value.dtype.kind != "f" or np.isfinite(value).all(), (run, tag)


def test_histograms_count_every_image_that_has_a_nissim(log_dir):
    for run, epsilon in RUNS.items():
        found = by_plugin(read(log_dir, run), "histograms")
        assert set(found) == {f"advxai_nissim/grad_cam/{attack}" for attack in ATTACKS}
        for attack in ATTACKS:
            for step, buckets in found[f"advxai_nissim/grad_cam/{attack}"].items():
                values = REPORTS[step].dissimilarity(attack, "grad_cam", epsilon)
                assert buckets[:, 2].sum() == 5
                assert buckets[0, 0] == pytest.approx(np.nanmin(values))
                assert buckets[-1, 1] == pytest.approx(np.nanmax(values))


def test_pictures_are_of_the_largest_epsilon_only(log_dir):
    for run in RUNS:
        events = read(log_dir, run)
        found = by_plugin(events, "images")
        names = {f"advxai_images/{attack}/{name}/{i}" for attack in ATTACKS for name in EXPLAINERS for i in range(2)}
        assert set(found) == (names if run == STRONGEST else set())
        for steps in found.values():
            assert set(steps) == set(REPORTS)
            for step, (width, height, picture) in steps.items():
                pixels = tf.io.decode_png(picture)
                assert pixels.shape == (int(height), int(width), 4) == (2 * 100 + 4, 3 * 120 + 8, 4)
                assert step in REPORTS
    text = events.SummaryMetadata("advxai_images/fgsm/grad_cam/1").summary_description
    assert text.startswith("Image 1, labelled class 1. fgsm at epsilon 16/255")


def test_what_is_predicted_for_a_pictured_image_stands_under_text(log_dir):
    found = by_plugin(read(log_dir, STRONGEST), "text")
    assert set(found) == {f"advxai_samples/{attack}" for attack in ATTACKS}
    for step, report in REPORTS.items():
        head, _, *rows = found["advxai_samples/fgsm"][step].item().decode().splitlines()
        assert head == r"|image|label|original|adversarial||grad\_cam|integrated\_gradients|"
        assert len(rows) == 2
        for index, row in enumerate(rows):
            example = next(
                e for e in report.select(attack="fgsm", explainer="grad_cam", epsilon=16 / 255) if e.index == index
            )
            flip = "flipped" if example.prediction != example.adversarial_prediction else ""
            before, after = f"class {example.prediction} 90.0 %", f"class {example.adversarial_prediction} 60.0 %"
            cells = [str(index), f"class {example.label}", before, after, flip, f"{example.dissimilarity:.3f}"]
            assert row.replace("\\", "") == f"|{'|'.join(cells)}|-, blank: original|"


def test_layout_of_custom_scalars_names_tags_that_exist(log_dir):
    (values,) = by_plugin(read(log_dir, "clean"), "custom_scalars").values()
    assert len(values) == 1
    layout = layout_pb2.Layout.FromString(values[1].item())
    assert [category.title for category in layout.category] == ["attacks", "controls: random noise of the same norm"]
    tags = set(scalars(log_dir, STRONGEST))
    for category, attack in zip(layout.category, ATTACKS, strict=True):
        accuracy, *margins = category.chart
        (pattern,) = accuracy.multiline.tag
        assert [tag for tag in tags if re.match(pattern, tag)] == [f"{SECTIONS[attack]}/accuracy/{attack}"]
        titles = [f"MOD of {name}, {attack}, with its 95 % interval" for name in EXPLAINERS]
        assert [chart.title for chart in margins] == titles
        (series,) = margins[0].margin.series
        assert {series.value, series.lower, series.upper} <= tags


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
    assert set(scalars(tmp_path, "clean")["advxai/accuracy/fgsm"]) == {0, 1}
    train = EventAccumulator(str(tmp_path / "train"))
    train.Reload()
    assert not [tag for tag in train.Tags()["tensors"] if "advxai" in tag]


def test_each_write_can_be_read_at_once(tmp_path):
    writer = ReportWriter(tmp_path)
    for step in (0, 1):
        writer.write(REPORTS[1], step)
        assert max(scalars(tmp_path, "clean")["advxai/accuracy/fgsm"]) == step
    writer.close()


def test_continuing_in_the_same_directory(tmp_path):
    for step, report in REPORTS.items():
        with ReportWriter(tmp_path) as writer:
            writer.write(report, step)
    assert set(scalars(tmp_path, "eps_8_255")["advxai/accuracy/fgsm"]) == set(REPORTS)


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
    assert set(scalars(tmp_path, "clean")["advxai/accuracy/fgsm"]) == {0, 1}


def test_a_closed_writer_refuses(tmp_path):
    writer = ReportWriter(tmp_path)
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="is closed"):
        writer.write(REPORTS[1], 0)
    with pytest.raises(ValueError, match="is closed"):
        writer.write_final(REPORTS[1], images=False)
    assert not any(tmp_path.iterdir())


def test_class_names_are_in_the_pictures(tmp_path):
    with ReportWriter(tmp_path, class_names=["cat", "dog"]) as writer:
        writer.write(REPORTS[1], 0)
    events = read(tmp_path, STRONGEST)
    assert "labelled cat" in events.SummaryMetadata("advxai_images/fgsm/grad_cam/0").summary_description
    assert b"cat 90" in by_plugin(events, "text")["advxai_samples/fgsm"][0].item()


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
    events = read(tmp_path, "eps_16_255")
    assert not by_plugin(events, "images")
    assert by_plugin(events, "histograms")


def test_an_evaluation_of_accuracy_alone(tmp_path):
    with ReportWriter(tmp_path) as writer:
        writer.write(without_explainers(REPORTS[1]), 0)
        writer.write_final(without_explainers(REPORTS[1]))
    assert folders(tmp_path) == {f"advxai/{run}" for run in ALL}
    found = scalars(tmp_path, "eps_8_255")
    rates = {f"~advxai_details/{rate}/{attack}" for rate in ("flip_rate", "attack_success_rate") for attack in ATTACKS}
    assert set(found) == {*(f"{section}/accuracy/{attack}" for attack, section in SECTIONS.items()), *rates}


def test_names_that_are_no_folder_names(tmp_path):
    report = make_report(attacks=("../up/and away", "clean"), epsilons=(0.00001, 0.00002))
    with ReportWriter(tmp_path / "logs") as writer:
        writer.write(report, 0)
        writer.write_final(report, images=False)
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]
    assert {path.name for path in (tmp_path / "logs").iterdir()} == {"advxai"}
    assert folders(tmp_path / "logs") == {"advxai/clean", "advxai/eps_1e-05", "advxai/eps_2e-05"}
    assert all(folder.count("/") == 1 for folder in folders(tmp_path / "logs"))


def test_without_labels_no_label_is_claimed(tmp_path):
    with ReportWriter(tmp_path) as writer:
        writer.write(make_report(labels="clean prediction"), 0)
    events = read(tmp_path, "eps_16_255")
    assert "labelled" not in events.SummaryMetadata("advxai_images/fgsm/grad_cam/0").summary_description


def test_step_may_come_from_numpy_but_not_be_negative(tmp_path):
    with ReportWriter(tmp_path) as writer:
        writer.write(REPORTS[1], np.int64(3))
        with pytest.raises(ValueError, match="Received: step=-1"):
            writer.write(REPORTS[1], -1)
        writer.write_final(REPORTS[1], images=False)
    assert set(scalars(tmp_path, "clean")["~advxai_final/accuracy/clean"]) == {3}
