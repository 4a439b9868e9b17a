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
        writer.write(report, 0, figures=True)
        writer.write_hparams(report)
    run = "fgsm_eps0.0627"
    found = scalars(tmp_path, run)
    for metric, name in {"nissim": "grad_cam", "own": "grad_cam/own"}.items():
        where = ("fgsm", "grad_cam", 16 / 255)
        assert found[f"advxai/mod/{name}"][0] == pytest.approx(report.mod(*where, metric=metric))
        low, high = report.mod_interval(*where, metric=metric)
        assert found[f"~advxai_band/mod/{name}/low"][0] == pytest.approx(low)
        assert found[f"~advxai_band/mod/{name}/high"][0] == pytest.approx(high)
        std = report.dissimilarity_std(*where, metric=metric)
        assert found[f"~advxai_details/std/{name}"][0] == pytest.approx(std)
        vid = pytest.approx(report.vid("fgsm", "grad_cam", metric=metric))
        assert scalars(tmp_path, "fgsm")[f"advxai_vid/{name}"] == {0: vid}
        final = scalars(tmp_path, "hparams")
        assert final[f"~advxai_final/mod/fgsm/{name}"][0] == pytest.approx(report.mod(*where, metric=metric))
        assert final[f"~advxai_final/vid/fgsm/{name}"] == {0: vid}
        buckets = by_plugin(read(tmp_path, run), "histograms")[f"advxai_{metric}/grad_cam"][0]
        values = report.dissimilarity(*where, metric=metric)
        assert buckets[-1, 1] == pytest.approx(np.nanmax(values))
    assert set(by_plugin(read(tmp_path, run), "histograms")) == {"advxai_nissim/grad_cam", "advxai_own/grad_cam"}
    (values,) = by_plugin(read(tmp_path, "clean"), "custom_scalars").values()
    (category,) = layout_pb2.Layout.FromString(values[0].item()).category
    charted = {
        tag for chart in category.chart for series in chart.margin.series for tag in (series.value, series.lower)
    }
    assert {"advxai/mod/grad_cam", "advxai/mod/grad_cam/own", "~advxai_band/mod/grad_cam/own/low"} <= charted
