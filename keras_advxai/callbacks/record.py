"""What a training leaves on the disk after each epoch, so that one that was killed goes on as if it had not been."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import keras

from keras_advxai._files import write_atomically
from keras_advxai.evaluation import EvaluationReport
from keras_advxai.measurements.reading import parse_json
from keras_advxai.settings.evaluation_settings import EvaluationSettings
from keras_advxai.tensorboard.event_file import cut, new_time, runs_with_events
from keras_advxai.tensorboard.names import EPOCHS, FOLDER
from keras_advxai.tensorboard.saving import save_json

_TRAINING = "training.json"


@dataclasses.dataclass(frozen=True)
class Earlier:
    """What was found of a training that did not end, up to the epoch from which it goes on.

    Attributes:
        reports: Epoch to report.
        failures: Epoch to what failed.
        missing: The epochs that were trained, and of which nothing was saved; the last of them is the one before the
            epoch from which the training goes on.
        logged: The first epoch of this training that is not in the event files; 0 where nothing of it is.
        others: Whether the directory holds event files of another training, which has ended or is another one.
    """

    reports: dict[int, EvaluationReport] = dataclasses.field(default_factory=dict)
    failures: dict[int, str] = dataclasses.field(default_factory=dict)
    missing: tuple[int, ...] = ()
    logged: int = 0
    others: bool = False

    def lost(self, missing: Iterable[int], epoch: int, every: int) -> str | None:
        """What is to be said of epochs that nobody will evaluate any more; `None` if there are none.

        Args:
            missing: Those of which there is no report.
            epoch: The first epoch that is trained now.
            every: Every so manieth epoch is evaluated.
        """
        lost = [str(number + 1) for number in missing if number < epoch - 1 and (number + 1) % every == 0]
        said = f"No report of epoch {', '.join(lost)} had been saved when an earlier process was killed."
        return said if lost else None


def training_identity(model: keras.Model, settings: EvaluationSettings, **others: Any) -> dict[str, Any]:
    """What a training is known by when it goes on in another process.

    Args:
        model: The model. Its name may be another one there.
        settings: The settings of the evaluations.
        **others: What else says that it is the same.
    """
    return {"settings": settings.to_dict(), "shapes": [list(weight.shape) for weight in model.weights], **others}


class TrainingRecord:
    """The reports of a training's epochs in its log directory, and how far it has come.

    ```
    <log_dir>/advxai/report.json            the last report
    <log_dir>/advxai/epochs/0003.npz        the report of an epoch, without pictures
    <log_dir>/advxai/training.json          how far the training has come, written last
    ```

    What lies beyond the last of them is not counted: a process may be killed between any two of these files.

    Args:
        log_dir: The directory.
        identity: What `training_identity` returned.
    """

    def __init__(self, log_dir: pathlib.Path, identity: Mapping[str, Any]) -> None:
        self._log_dir = log_dir
        self._folder = log_dir / FOLDER
        self._header: dict[str, Any] = {"identity": json.loads(json.dumps(identity))}
        self._reported: EvaluationReport | None = None  # which is in report.json

    def begin(self, epoch: int) -> Earlier:
        """Begin, or go on with a training that did not end.

        What it has logged from the epoch on is taken out of the event files, since it is logged again.

        Args:
            epoch: The first epoch that is trained now.

        Raises:
            OSError: Something cannot be read or written.
        """
        found = self._earlier(epoch)
        if found is None:
            others = bool(runs_with_events(self._folder))
            for path in self._saved().values():  # of another training
                path.unlink()
            folders = [item for item in self._folder.glob("*") if item.is_dir()]
            self._header |= {"began": new_time(folders), "next": epoch, "finished": False, "failures": {}}
            self._write()
            return Earlier(others=others)
        done = min(found["next"], epoch)
        failures = {int(key): text for key, text in found["failures"].items() if int(key) < done}
        self._header |= {**found, "next": done, "finished": False}
        self._header["failures"] = {str(key): text for key, text in failures.items()}
        self._write()  # first: a process that is killed while it takes something out has not done it yet
        cut(self._folder, done, found["began"])
        reports = {}
        for number, path in self._saved().items():
            if number >= done:
                path.unlink()
                continue
            with contextlib.suppress(ValueError):  # of a file that was damaged
                reports[number] = EvaluationReport.load(path)
        missing = () if found["finished"] else tuple(range(done, epoch))
        return Earlier(reports, failures, missing, logged=done)

    def save(
        self,
        following: int,
        reports: Mapping[int, EvaluationReport],
        failures: Mapping[int, str],
        report: EvaluationReport | None,
        *,
        finished: bool = False,
    ) -> None:
        """Save what is not saved yet.

        Args:
            following: The epoch that follows.
            reports: Epoch to report.
            failures: Epoch to what failed.
            report: The last report; `None` if there is none.
            finished: Whether the training has ended. Defaults to `False`.

        Raises:
            OSError: Something cannot be written; it is saved the next time.
        """
        saved = self._saved()
        for number in sorted(reports.keys() - saved.keys()):  # all of them where the directory was deleted
            (self._folder / EPOCHS).mkdir(parents=True, exist_ok=True)
            reports[number].save(self._folder / EPOCHS / f"{number:04d}.npz")
        if report is not None and (report is not self._reported or not saved):
            save_json(report, self._log_dir)
            self._reported = report
        texts = {str(key): text for key, text in failures.items()}
        self._header |= {"next": following, "failures": texts, "finished": finished}
        self._write()

    def _saved(self) -> dict[int, pathlib.Path]:
        files = {path.name: path for path in (self._folder / EPOCHS).glob("*.npz")}
        return {int(name[:-4]): path for name, path in sorted(files.items()) if re.fullmatch(r"\d{4,9}\.npz", name)}

    def _write(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self._folder / _TRAINING, json.dumps(self._header, indent=1).encode())

    def _earlier(self, epoch: int) -> dict[str, Any] | None:
        """The header of a training that goes on from an epoch; `None` if there is none."""
        try:
            found = parse_json((self._folder / _TRAINING).read_text("utf-8"))
        except (OSError, ValueError):  # there is none, or it is something else
            return None
        kinds = {"began": int, "next": int, "failures": dict, "finished": bool, "identity": dict}
        if not isinstance(found, dict) or not all(type(found.get(key)) is kind for key, kind in kinds.items()):
            return None
        known = found["next"] >= 0 and all(
            re.fullmatch(r"[0-9]{1,9}", key) and isinstance(text, str) for key, text in found["failures"].items()
        )
        # One that has ended is gone on with where it has ended; from an earlier epoch, another training begins.
        goes_on = not found["finished"] or epoch >= found["next"] > 0
        return found if goes_on and known and found["identity"] == self._header["identity"] else None
