"""The writer, where something goes wrong."""

from __future__ import annotations

import shutil
import warnings

import pytest
from disks import most_bytes
from event_files import folders, steps
from figures.made_report import make_report
from helpers import UndrawableNames

from keras_advxai.callbacks import FailureWarning
from keras_advxai.tensorboard import ReportWriter

REPORT = make_report(seed=1, chance=True)


def every_step(log_dir):
    return {name: steps(log_dir / name) for name in folders(log_dir)}


def numbers_alone(found):
    """Without the pictures, and what is said of the images."""
    others = ("advxai_images/", "advxai_samples/")
    return {run: {tag: at for tag, at in tags.items() if not tag.startswith(others)} for run, tags in found.items()}


def test_an_error_in_drawing_costs_no_number(tmp_path):
    for name, names in (("right", None), ("wrong", UndrawableNames(["a", "b"]))):
        with ReportWriter(tmp_path / name, class_names=names) as writer:
            if name == "wrong":
                with pytest.raises(RuntimeError, match="No name can be had"):
                    writer.write(REPORT, 0)
            else:
                writer.write(REPORT, 0)
    assert every_step(tmp_path / "wrong") == numbers_alone(every_step(tmp_path / "right"))


@pytest.mark.slow
def test_what_does_not_fit_is_written_with_the_next_step_or_at_the_end(tmp_path):
    for name in ("right", "next", "end"):
        with ReportWriter(tmp_path / name) as writer:
            writer.write(REPORT, 0)
            if name == "right":
                writer.write(REPORT, 1)
            else:
                with most_bytes(1000), pytest.raises(OSError, match="too large"):
                    writer.write(REPORT, 1)
                assert writer.is_waiting
            if name == "next":
                writer.write(REPORT, 2)
                assert not writer.is_waiting
        assert not writer.is_open
    expected = every_step(tmp_path / "right")
    assert every_step(tmp_path / "end") == expected
    found = every_step(tmp_path / "next")
    assert found == {
        run: {tag: at if at == [0] else [0, 1, 2] for tag, at in tags.items()} for run, tags in expected.items()
    }


def test_a_directory_that_was_deleted_is_made_again_and_said_once(tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with ReportWriter(tmp_path / "logs") as writer:
            for step in range(4):
                writer.write(REPORT, step, images=step < 2)
                if step in (1, 2):
                    shutil.rmtree(tmp_path / "logs")
    (warning,) = caught
    assert warning.category is FailureWarning
    assert "were deleted. Their numbers were written again, their pictures are lost." in str(warning.message)
    with ReportWriter(tmp_path / "right") as writer:
        for step in range(4):
            writer.write(REPORT, step, images=False)
    assert numbers_alone(every_step(tmp_path / "logs")) == every_step(tmp_path / "right")


def test_names_of_any_length_are_those_of_folders(tmp_path):
    report = make_report(attacks=("a" * 250, "a" * 249 + "b", "é" * 250))
    with ReportWriter(tmp_path) as writer:
        writer.write(report, 0)
        writer.write_final(report, images=False)
    assert folders(tmp_path) == {f"advxai/{run}" for run in ("clean", "eps_8_255", "eps_16_255")}
    tags = steps(tmp_path / "advxai" / "eps_8_255")
    assert len([tag for tag in tags if tag.startswith("advxai/accuracy/")]) == 3


def test_a_step_that_the_directory_holds_is_written_once_and_told(tmp_path):
    with ReportWriter(tmp_path) as writer:
        writer.write(REPORT, 0)
        writer.write(REPORT, 1)
    right = every_step(tmp_path)
    shutil.rmtree(tmp_path / "advxai" / "eps_8_255")  # as if the process had died before it came to that run
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with ReportWriter(tmp_path) as writer:
            for step in (0, 1, 1):
                writer.write(REPORT, step)
    assert len(said) == 1
    assert "holds step 0 already, which was not written a second time" in str(said[0].message)
    assert every_step(tmp_path) == right
    with ReportWriter(tmp_path, again=True) as writer:
        writer.write(REPORT, 1)
    assert every_step(tmp_path)["advxai/clean"]["advxai/accuracy/fgsm"] == [0, 1, 1]
