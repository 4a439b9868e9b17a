"""What is in event files, by TensorBoard's own reader."""

from __future__ import annotations

import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event


def folders(log_dir):
    """The folders that hold event files."""
    return {str(path.parent.relative_to(log_dir)) for path in log_dir.rglob("events.out.tfevents.*")}


def read(log_dir, run):
    events = EventAccumulator(str(log_dir / "advxai" / run), size_guidance={"tensors": 0})
    events.Reload()
    return events


def by_plugin(events, plugin):
    """The values of a plugin: tag to step to array."""
    tags = [tag for tag in events.Tags()["tensors"] if events.SummaryMetadata(tag).plugin_data.plugin_name == plugin]
    return {tag: {e.step: tf.make_ndarray(e.tensor_proto) for e in events.Tensors(tag)} for tag in tags}


def scalars(log_dir, run):
    """Tag to step to number."""
    found = by_plugin(read(log_dir, run), "scalars")
    return {tag: {step: value.item() for step, value in steps.items()} for tag, steps in found.items()}


def steps(folder):
    """Tag to all the steps at which something was written under it, in whichever file, as often as it was written."""
    found = {}
    for path in sorted(folder.glob("*tfevents*")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = Event.FromString(record.numpy())
            for value in event.summary.value:
                found.setdefault(value.tag, []).append(event.step)
    return {tag: sorted(numbers) for tag, numbers in found.items()}
