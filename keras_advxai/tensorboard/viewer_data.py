"""What was logged for the tab AdvXAI, as TensorBoard has read it. Loads neither Keras nor TensorFlow."""

from __future__ import annotations

import json
import re
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from keras_advxai.tensorboard.names import CLEAN, DETAILS, FOLDER, OVERVIEW, PLUGIN, SHEETS
from keras_advxai.viewer.plain import plain, to_json
from keras_advxai.viewer.png import is_png
from keras_advxai.viewer.sheets import KEY

_MOST = 10_000  # steps of a run, of which TensorBoard keeps as many as the flag says
_OLD_RUN = re.compile(rf"(^|/){FOLDER}/[^/]+_eps\d[^/]*$")  # of version 0.1, such as advxai/fgsm_eps0.0314
_AT_ONCE = 8  # reads of what was logged
_LARGEST = 2**27  # bytes of JSON: logs may be anybody's


class NotLoggedError(Exception):
    """What was asked for is not in the logs."""


class ViewerData:
    """Reads what `viewer_logs` has written.

    Args:
        provider: TensorBoard's data provider; `None` where there is none, so that there is nothing to show.
    """

    def __init__(self, provider: Any) -> None:
        self._provider = provider

    def runs(self, context: Any, experiment: str) -> bytes:
        """The runs with their steps, as JSON; without any, also whether there are `old` logs."""
        found = [
            {"id": run, "name": _name(run), "training": len(steps) > 1, "steps": sorted(steps)}
            for run, steps in self._steps(context, experiment).items()
        ]
        if not found:
            return _json({"runs": [], "old": self._has_old_logs(context, experiment)})
        return _json({"runs": sorted(found, key=lambda item: str(item["name"]))})

    def overviews(self, context: Any, experiment: str, run: str) -> bytes:
        """The overviews of all steps of a run, as JSON.

        Raises:
            NotLoggedError: There is no such run.
        """
        data = self._blobs(context, experiment, OVERVIEW, run)
        contents = self._contents(context, [blobs[0] for blobs in data.values()])
        return _json({"steps": {str(step): _unpacked(packed) for step, packed in zip(data, contents, strict=True)}})

    def details(self, context: Any, experiment: str, run: str, step: int) -> bytes:
        """The details of one step, as JSON.

        Raises:
            NotLoggedError: There is no such run or step.
        """
        data = self._blobs(context, experiment, DETAILS, run)
        if step not in data:
            raise NotLoggedError
        return _json(_unpacked(*self._contents(context, data[step][:1])))

    def picture(self, context: Any, experiment: str, run: str, key: str) -> bytes:
        """A sheet of pictures, as PNG.

        Raises:
            NotLoggedError: There is no such run or sheet, or it is no PNG.
        """
        if not KEY.fullmatch(key):
            raise NotLoggedError
        steps = list(self._blobs(context, experiment, SHEETS, run).values())
        for blobs, listed in zip(steps, self._contents(context, [blobs[0] for blobs in steps]), strict=True):
            keys = json.loads(listed)
            if key in keys:
                (content,) = self._contents(context, [blobs[1 + keys.index(key)]])
                if is_png(content):
                    return content
        raise NotLoggedError

    def _has_old_logs(self, context: Any, experiment: str) -> bool:
        if self._provider is None:
            return False
        logged = self._provider.list_scalars(context, experiment_id=experiment, plugin_name="scalars") or {}
        return any(_OLD_RUN.search(run.replace("\\", "/")) for run in logged)

    def _steps(self, context: Any, experiment: str) -> dict[str, list[int]]:
        read = self._read(context, experiment, OVERVIEW, None)
        return {run: [datum.step for datum in tags[OVERVIEW]] for run, tags in read.items() if tags.get(OVERVIEW)}

    def _blobs(self, context: Any, experiment: str, tag: str, run: str) -> dict[int, list[str]]:
        """The keys of the blobs at each step; of a step that was written twice, those written last."""
        # All runs are asked for, and this one is chosen here: so no name that was made up reaches a data provider.
        found = self._read(context, experiment, tag, None).get(run, {}).get(tag)
        if not found:
            raise NotLoggedError
        return {datum.step: [value.blob_key for value in datum.values] for datum in found if datum.values}

    def _read(self, context: Any, experiment: str, tag: str, runs: list[str] | None) -> dict[str, Any]:
        if self._provider is None:
            return {}
        from tensorboard.data.provider import RunTagFilter

        chosen = RunTagFilter(runs=runs, tags=[tag])
        read: dict[str, Any] = self._provider.read_blob_sequences(
            context, experiment_id=experiment, plugin_name=PLUGIN, downsample=_MOST, run_tag_filter=chosen
        )
        return read or {}

    def _contents(self, context: Any, blob_keys: list[str]) -> list[bytes]:
        # Beside one another: TensorBoard's fast loader lets each wait for 50 ms, so that 30 epochs took 1.5 s.
        with ThreadPoolExecutor(_AT_ONCE) as readers:
            return list(readers.map(lambda key: self._provider.read_blob(context, blob_key=key), blob_keys))


def _unpacked(packed: bytes) -> dict[str, Any]:
    reader = zlib.decompressobj(31)
    text = reader.decompress(packed, _LARGEST)
    if reader.unconsumed_tail:
        raise ValueError(f"What was logged is larger than {_LARGEST} bytes.")
    values = json.loads(text, parse_constant=lambda name: None)
    if not isinstance(values, dict):
        raise ValueError("What was logged is no dictionary.")
    return values


def _name(run: str) -> str:
    """What a run is called: the folder of the training, without those that are ours."""
    folder, _, last = run.replace("\\", "/").rpartition("/")
    parent = folder.removesuffix(FOLDER).rstrip("/")
    shown = parent or "this directory"
    return shown if last in (CLEAN, "") else f"{shown}, {last}"


def _json(values: Any) -> bytes:
    return to_json(plain(values, digits=12)).encode("utf-8")
