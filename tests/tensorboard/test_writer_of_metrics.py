"""Reports of several dissimilarities, as the writer logs them."""

from __future__ import annotations

import numpy as np
import pytest
from event_files import by_plugin, read, scalars
from figures.made_report import make_report
from tensorboard.plugins.custom_scalar import layout_pb2

from keras_advxai.tensorboard import ReportWriter


def test_each_dissimilarity_has_tags_of_its_own(tmp_path):
    report = make_report(metrics=("nissim", "own"))
    with ReportWriter(tmp_path) as writer:
        writer.write(report, 0)
        writer.write_final(report, images=False)
    run = "eps_16_255"
    found, clean = scalars(tmp_path, run), scalars(tmp_path, "clean")
    for metric, name in {"nissim": "grad_cam", "own": "grad_cam/own"}.items():
        where = ("fgsm", "grad_cam", 16 / 255)
        mod = pytest.approx(report.mod(*where, metric=metric))
        assert found[f"advxai/mod/{name}/fgsm"] == {0: mod}
        low, high = report.mod_interval(*where, metric=metric)
        assert found[f"~advxai_band/mod/{name}/fgsm/low"] == {0: pytest.approx(low)}
        assert found[f"~advxai_band/mod/{name}/fgsm/high"] == {0: pytest.approx(high)}
        std = report.dissimilarity_std(*where, metric=metric)
        assert found[f"~advxai_details/std/{name}/fgsm"] == {0: pytest.approx(std)}
        vid = pytest.approx(report.vid("fgsm", "grad_cam", metric=metric))
        assert clean[f"advxai_vid/{name}/fgsm"] == clean[f"~advxai_final/vid/{name}/fgsm"] == {0: vid}
        assert clean[f"~advxai_final/mod/{name}/fgsm"] == {0: mod}
        buckets = by_plugin(read(tmp_path, run), "histograms")[f"advxai_{metric}/grad_cam/fgsm"][0]
        values = report.dissimilarity(*where, metric=metric)
        assert buckets[-1, 1] == pytest.approx(np.nanmax(values))
    expected = {f"advxai_{metric}/grad_cam/{attack}" for metric in ("nissim", "own") for attack in report.attacks}
    assert set(by_plugin(read(tmp_path, run), "histograms")) == expected
    (values,) = by_plugin(read(tmp_path, "clean"), "custom_scalars").values()
    attacks, controls = layout_pb2.Layout.FromString(values[0].item()).category
    charted = {tag for chart in attacks.chart for series in chart.margin.series for tag in (series.value, series.lower)}
    assert {
        "advxai/mod/grad_cam/fgsm",
        "advxai/mod/grad_cam/own/fgsm",
        "~advxai_band/mod/grad_cam/own/fgsm/low",
    } <= charted
    assert all("uniform_noise" in chart.title for chart in controls.chart)
