"""The tab AdvXAI in a browser without a window, under both loaders, and what it says of logs of all kinds.

One browser looks at all of it once; the tests compare what it has seen with what was logged.
"""

from __future__ import annotations

import json
import subprocess

import browsed_logs
import matplotlib
import numpy as np
import pytest
from browsed_logs import EPOCHS, PATIENCE, PERIOD, SIZE, STRONGEST, WEAKEST
from browsers import APP, CHROMIUM, IN_A_BROWSER, tensorboards

from keras_advxai.viewer.document import document

pytestmark = IN_A_BROWSER

CHANCE = 0.25
"""As `make_report` has it, between heatmaps of different images."""


@pytest.fixture(scope="module")
def logged():
    return browsed_logs.reports()


@pytest.fixture(scope="module")
def looked(tmp_path_factory, logged):
    folder = tmp_path_factory.mktemp("looked")
    browsed_logs.write_logs(folder, logged)
    with tensorboards(browsed_logs.boards(folder)) as boards:
        asked = json.dumps({"chromium": CHROMIUM, "boards": boards, "folder": str(folder)})
        with subprocess.Popen(["node", "tests/tab.mjs", asked], cwd=APP, stdout=subprocess.PIPE, text=True) as looking:
            try:
                browsed_logs.train(folder / "live", folder)
                found = looking.communicate(timeout=PATIENCE)[0]
            finally:
                looking.kill()
    return json.loads(found)


def order_of(report, **condition):
    """The indices of the images, the most moved first; before them those with pictures."""
    moved = report.measurements.at("dissimilarity", target="predicted", **condition)
    moved = np.where(np.isnan(moved), -np.inf, moved)
    return sorted(range(len(moved)), key=lambda index: (index > 1, -moved[index], index))


def headline(report, attack, epsilon):
    level = report.measurements.coordinates.epsilons.index(epsilon)
    return document(report, images=False).overview["verdict"]["accuracy"][attack][level][0]


def moved_text(report, index, metric, **condition):
    moved = report.measurements.at("dissimilarity", target="predicted", metric=metric, **condition)[index]
    return f"moved by {moved:.3f}"


def names(indices):
    return [f"image {index}" for index in indices]


def test_nothing_goes_wrong_and_nothing_is_asked_of_others(looked):
    assert looked["failed"] == {}
    assert looked["problems"] == []


def test_its_address_shows_charts_and_samples_at_once(looked, logged):
    first = looked["first"]
    assert looked["isMarked"] == ["AdvXAI"]
    assert looked["requests"] <= 30
    assert (first["run"], first["epoch"]["stops"], first["epoch"]["text"]) == ("second", 2, "2 (latest)")
    assert first["headline"] == headline(logged[1], "fgsm", STRONGEST)
    assert first["cards"][:2] == ["Accuracy by epoch", "Drift of explanations by epoch"]
    assert max(looked["ends"]) < 900
    assert max(looked["rowEnds"]) < 900  # the first row, too
    assert looked["nameEnds"][0] <= looked["nameEnds"][1]  # and the whole name of the tab


def test_what_hides_samples_says_so_and_is_ended_by_a_click(looked):
    chip = looked["chip"]
    assert [text[:-2] for text in chip["said"]] == [chip["flips"]]  # and a cross
    assert 0 < len(chip["rows"]) < 6
    assert chip["after"] == 0
    assert looked["changes"]["unflipped"]["rows"] == looked["changes"]["pictures"]["rows"]


def test_a_sample_has_its_probabilities_at_every_epsilon_and_epoch(looked):
    levels, explainers, epochs = looked["likely"]
    index = int(looked["detail"]["title"][-1])
    before = dict(enumerate(browsed_logs.LIKELY[index].tolist()))

    def line(place, *values):
        shown = [f"{100 * value:.0f} %" for value in values]
        return [f"class {place}", " → ".join(shown), [f"{100 * value:g}%" for value in values]]

    first, *others = levels
    assert sorted(first) == [line(place, value) for place, value in before.items()]
    assert len(others) == 2
    both = [line(place, value, before[1 - place]) for place, value in before.items()]
    assert [sorted(cell) for cell in others] == [both] * 2
    assert all(cell == [] for cell in explainers)  # which have no say in them
    shown = [sorted(cell) for cell in epochs if cell]
    assert shown == [both] * len(shown)
    assert shown


@pytest.mark.parametrize("loader", ["back", "slow"])
def test_every_epoch_has_a_stop_under_both_loaders(looked, loader):
    found = looked["slow"] if loader == "slow" else looked["changes"][loader]
    assert (found["run"], found["epoch"]["stops"]) == ("first", EPOCHS)


def test_runs_are_called_as_the_user_has_called_them(looked, logged):
    assert looked["spec"] == ["one", "two"]
    assert looked["slowPath"] == "/some/where/"
    assert looked["slow"]["epoch"]["text"] == "28"
    assert looked["slow"]["headline"] == headline(logged[27 % PERIOD], "pgd", STRONGEST)


def test_every_control_changes_what_it_should(looked, logged):
    found = looked["changes"]
    last, chosen = logged[29 % PERIOD], logged[27 % PERIOD]
    assert found["run"]["headline"] == headline(logged[1], "fgsm", STRONGEST)
    assert found["back"]["headline"] == headline(last, "fgsm", STRONGEST)
    condition = {"attack": "pgd", "epsilon": STRONGEST, "explainer": "grad_cam"}
    assert found["attack"]["headline"] == headline(last, "pgd", STRONGEST)
    assert found["attack"]["rows"] == names(order_of(last, metric="nissim", **condition))[:5]
    assert found["metric"]["metric"] == "cosine_distance"
    first = int(found["metric"]["rows"][0][-1])
    assert found["metric"]["moved"] == moved_text(last, first, "cosine_distance", **condition)
    assert found["metric"]["moved"] != found["attack"]["moved"]
    assert found["explainer"]["rows"] == names(range(5))  # blank: none has moved
    assert found["explainerBack"]["rows"] == found["metric"]["rows"]
    assert found["epsilon"]["headline"] == headline(last, "pgd", WEAKEST)
    assert (found["epsilon"]["epsilon"]["text"], found["epoch"]["epoch"]["text"]) == ("8/255", "28")
    assert found["epoch"]["headline"] == headline(chosen, "pgd", WEAKEST)
    condition = {"attack": "pgd", "epsilon": WEAKEST, "explainer": "grad_cam", "metric": "cosine_distance"}
    order = order_of(chosen, **condition)
    assert found["epoch"]["rows"] == found["pictures"]["rows"] == names(order)[:5]
    flips = chosen.measurements.at("prediction", attack="pgd", epsilon=WEAKEST) != chosen.measurements.at("prediction")
    moved = chosen.measurements.at("dissimilarity", target="predicted", **condition)
    labels = chosen.measurements.at("label")
    assert found["flipped"]["rows"] == names(index for index in order if flips[index])
    assert found["kept"]["rows"] == names(index for index in order if not flips[index])
    assert found["moved"]["rows"] == names(index for index in order if not flips[index] and moved[index] > CHANCE / 2)
    assert found["label"]["rows"] == names(index for index in order if labels[index] == 1)
    alone = sorted(range(6), key=lambda index: (-np.nan_to_num(moved[index], nan=-np.inf), index))
    assert found["drift"]["rows"] == names(alone)[:5]
    steady = sorted(range(6), key=lambda index: (np.nan_to_num(moved[index], nan=np.inf), index))
    assert found["steady"]["rows"] == names(steady)[:5]
    confidence = chosen.measurements.at("confidence", attack="pgd", epsilon=WEAKEST)
    surest = sorted(range(6), key=lambda index: (-confidence[index], index))
    assert found["confidence"]["rows"] == names(surest)[:5]
    assert found["index"]["rows"] == found["name"]["rows"] == names(range(5))
    assert looked["wipe"] == {"at": "40px", "tiles": 2}
    assert "Findings: 1 warning." in looked["findings"]["text"]
    assert looked["findings"]["open"]
    assert looked["findings"]["explained"]  # what is unfolded stays so at another epsilon
    assert "Take care." in looked["findings"]["text"]
    assert looked["playing"] == "Pause"
    assert looked["clicked"]["epoch"]["text"] == "1"


def test_what_is_chosen_stands_in_the_address(looked):
    assert looked["restored"] == looked["changes"]["left"]
    assert looked["hashAgain"] == looked["hash"]
    assert looked["hash"].startswith("#advxai&")
    for part in ("run=first", "attack=pgd", "metric=cosine_distance", "step=26", "epsilon=0.0313725", "alpha=1"):
        assert f"&advxai.{part}" in looked["hash"]


def nearest(rgb, colours):
    """Which value of a map of colours each pixel has, and how far its colour is from that of the map."""
    table = matplotlib.colormaps[colours](np.linspace(0, 1, 1001))[:, :3] * 255
    apart = np.abs(np.asarray(rgb, float).reshape(-1, 1, 3) - table).max(-1)
    return apart.argmin(1) / 1000, apart.min(1)


@pytest.mark.parametrize("loader", ["fast", "slow"])
def test_pixels_are_those_of_the_logged_heatmaps(looked, logged, loader):
    attack, epsilon = {"fast": ("pgd", WEAKEST), "slow": ("pgd", STRONGEST)}[loader]
    maps = looked["maps"] if loader == "fast" else looked["slowMaps"]
    index = int(maps["change"]["row"][-1])
    examples = logged[27 % PERIOD].select(attack=attack, explainer="grad_cam", epsilon=epsilon)
    example = next(item for item in examples if item.index == index)
    assert maps["change"]["size"] == [SIZE, SIZE]
    value, apart = nearest(maps["change"]["rgb"], "RdBu_r")
    assert apart.max() <= 4  # the map has 256 colours
    change = (example.adversarial_heatmap - example.heatmap).ravel()
    np.testing.assert_allclose(2 * value - 1, change, atol=0.02)
    if loader == "fast":
        gray = np.round(255 * example.image).ravel()
        np.testing.assert_array_equal(np.reshape(maps["clear"]["rgb"], (-1, 3))[:, 1], gray)
        adversarial = np.reshape(maps["adversarial"]["rgb"], (-1, 3))[:, 0]
        np.testing.assert_array_equal(adversarial, np.round(255 * example.adversarial).ravel())
        # Opaque where there is most heat, and the image where there is none.
        share = np.sqrt(example.heatmap.ravel())[:, None]
        viridis = 255 * matplotlib.colormaps["viridis"](example.heatmap.ravel())[:, :3]
        expected = (1 - share) * gray[:, None] + share * viridis
        apart = np.abs(np.reshape(maps["opaque"]["rgb"], (-1, 3)) - expected)
        assert apart.max() < 20  # of viridis it has ten colours, and what is between
        assert np.median(apart) < 3


def test_with_the_keyboard_alone(looked):
    above = ["Run", "Attack", "Explainer", "Dissimilarity", "Epsilon", "Epoch", "Play"]
    controls = [*above, "Show", "Class", "Sort by", "Compare"]
    focused = looked["focused"]
    assert [name for name in focused[: focused.index("Compare") + 1] if name in controls] == controls
    assert {"Opacity of the heatmaps", "Show all 6", "Figures", "Keys"} <= set(focused)
    assert None in focused  # it leaves the frame again
    assert looked["detail"]["title"] == looked["second"]
    assert [text.split()[0] for text in looked["detail"]["strips"]] == ["Through", "Explainers,", "Through"]
    assert looked["detail"]["epochs"] >= 10
    assert looked["elsewhere"] == {"epoch": "28", "title": looked["second"]}  # of another epoch, the same sample
    assert looked["second"] in looked["pinned"]["beside"]
    assert looked["pinned"]["title"] != looked["second"]
    assert looked["download"] == f"{looked['pinned']['title'].replace(' ', '-')}.png"
    assert looked["isClosed"]


def test_for_everybody_in_light_and_dark(looked):
    assert looked["themes"] == ["light", "dark", "light"]
    assert looked["violations"] == []


def test_an_empty_directory_and_old_logs_say_so(looked):
    assert "AdversarialEvaluation(..., log_dir=...)" in looked["live"]["empty"]
    assert "These logs are old" in looked["old"]


def test_a_new_epoch_arrives_and_what_is_chosen_stays(looked):
    live = looked["live"]
    chosen = {"attack": "uniform_noise", "rows": names(range(5))}
    assert live["first"]["epoch"]["text"] == "1 (latest)"
    assert live["first"]["attack"] == "fgsm"
    for name, stops, epoch in (("chosen", 1, "1 (latest)"), ("second", 2, "2 (latest)"), ("third", 3, "1")):
        assert {key: live[name][key] for key in chosen} == chosen
        assert (live[name]["epsilon"]["text"], live[name]["epoch"]["stops"]) == ("0.02", stops)
        assert live[name]["epoch"]["text"] == epoch
    assert live["hash"].endswith("&advxai.step=0&advxai.epsilon=0.02")
