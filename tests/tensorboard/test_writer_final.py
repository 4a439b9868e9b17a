"""What can be read when a training has ended, and of evaluations: texts, figures and HParams, read back."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from event_files import by_plugin, folders, read, scalars
from tensorboard import plugin_util
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups
from written_training import REPORTS, STRONGEST

from keras_advxai.measurements.finding import DOCUMENT, Finding
from keras_advxai.tensorboard import ReportWriter

ALL = {"clean", "noise_16_255", "eps_8_255", STRONGEST}


def test_the_report_can_be_read(log_dir):
    found = by_plugin(read(log_dir, "clean"), "text")
    text = {tag: {step: value.item().decode() for step, value in steps.items()} for tag, steps in found.items()}
    assert text.pop("advxai_settings") == {0: "    dropout   0.5\n    epsilons  8/255, 16/255"}
    report = REPORTS[4]
    assert set(text) == {f"advxai_report/{name}" for name in ("1_table", "2_findings", "3_provenance")}
    assert {step for steps in text.values() for step in steps} == {4}
    shown = text["advxai_report/1_table"][4]
    assert str(report).startswith("\n".join(line[4:] for line in shown.splitlines()).rstrip())
    assert text["advxai_report/2_findings"][4] == "Nothing was found that would be misread."
    assert re.search(r"(?m)^    seed +3$", text["advxai_report/3_provenance"][4])


def test_findings_have_their_link_and_what_it_leads_to(tmp_path):
    finding = Finding("Two <b>|_names_", id="no-labels", severity="warning")
    with ReportWriter(tmp_path) as writer:
        writer.write_evaluation(dataclasses.replace(REPORTS[1], warnings=(finding,)))
    (text,) = by_plugin(read(tmp_path, "evaluation"), "text")["advxai_report/2_findings"].values()
    shown = plugin_util.markdown_to_safe_html(text.item())
    assert f"<strong>Warning</strong>: Two &lt;b&gt;|_names_ (<code>{finding.link}</code>)" in shown
    assert "<blockquote>" in shown
    explained = re.search(r"(?ms)^## no-labels\n\n(.*?)\n", DOCUMENT.read_text("utf-8"))[1]
    assert re.sub("[*`]", "", explained)[:60] in re.sub("<.*?>", "", shown)


def test_an_evaluation_is_a_run_without_curves(tmp_path):
    with ReportWriter(tmp_path) as writer:
        writer.write(REPORTS[1], 0)
        writer.write_evaluation(REPORTS[4], 2, {"network": "small"})
    assert folders(tmp_path) == {f"advxai/{run}" for run in {*ALL, "evaluation"}}
    found = scalars(tmp_path, "evaluation")
    assert found["~advxai_final/accuracy/fgsm"] == {2: pytest.approx(REPORTS[4].accuracy("fgsm", 16 / 255))}
    assert all(tag.startswith("~advxai_final/") for tag in found)
    assert {step for steps in scalars(tmp_path, STRONGEST).values() for step in steps} == {0}
    shown = by_plugin(read(tmp_path, "evaluation"), "images")
    assert "advxai_report/1_drift" in shown
    assert "advxai_images/fgsm/grad_cam/0" in shown
    buckets = by_plugin(read(tmp_path, "evaluation"), "histograms")["advxai_nissim/grad_cam/fgsm/eps_8_255"][2]
    assert buckets[-1, 1] == pytest.approx(np.nanmax(REPORTS[4].dissimilarity("fgsm", "grad_cam", 8 / 255)))


def test_hparams_dashboard_finds_settings_and_metrics(log_dir):
    multiplexer = EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(log_dir))
    multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, str(log_dir))
    context = backend_context.Context(TBContext(data_provider=provider, logdir=str(log_dir)))
    request = RequestContext()
    runs = context.hparams_metadata(request, "")
    assert set(runs) == {"advxai/clean"}
    experiment = context.experiment_from_metadata(request, "", True, runs, [])
    assert {info.name: (info.display_name, info.differs) for info in experiment.hparam_infos} == {
        "dropout": ("dropout", True)
    }
    titles = [(info.name.tag, info.display_name) for info in experiment.metric_infos]
    assert titles[:4] == [
        ("~advxai_final/accuracy/fgsm", "accuracy, fgsm 16/255"),
        ("~advxai_final/mod/grad_cam/fgsm", "MOD grad_cam, fgsm 16/255"),
        ("~advxai_final/accuracy/clean", "accuracy, clean"),
        ("~advxai_final/mod/grad_cam/uniform_noise", "MOD grad_cam, uniform_noise 16/255"),
    ]
    found = {tag: steps for tag, steps in scalars(log_dir, "clean").items() if "final" in tag}
    assert {tag for tag, _ in titles} == set(found)
    report = REPORTS[4]
    assert found["~advxai_final/accuracy/fgsm"] == {4: pytest.approx(report.accuracy("fgsm", 16 / 255))}
    assert found["~advxai_final/mod/grad_cam/fgsm"] == {4: pytest.approx(report.mod("fgsm", "grad_cam", 16 / 255))}
    assert found["~advxai_final/vid/grad_cam/fgsm"] == {4: pytest.approx(report.vid("fgsm", "grad_cam"))}
    assert found["~advxai_final/chance/grad_cam"] == {4: pytest.approx(0.25)}
    (group,) = (
        list_session_groups.Handler(
            request_context=request,
            backend_context=context,
            experiment_id="",
            request=api_pb2.ListSessionGroupsRequest(
                start_index=0, slice_size=9, allowed_statuses=[api_pb2.STATUS_SUCCESS], include_metrics=True
            ),
        )
        .run()
        .session_groups
    )
    assert group.hparams["dropout"].number_value == 0.5
    assert re.fullmatch(rf"{log_dir.name}-[0-9a-f]{{6}}", group.name)


def test_two_directories_of_one_name_are_two_trials(tmp_path):
    trials = set()
    for parent in ("a", "b"):
        with ReportWriter(tmp_path / parent / "logs") as writer:
            writer.write_final(REPORTS[1], step=0, images=False)
        content = read(tmp_path / parent / "logs", "clean").PluginTagToContent("hparams")
        trials |= set(re.findall(rb"logs-[0-9a-f]{6}", b"".join(content.values())))
    assert len(trials) == 2
