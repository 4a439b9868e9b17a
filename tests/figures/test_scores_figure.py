"""The figure of the softmax: pairs of explainers, and NISSIM between the two of a pair."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from figures.layout import check_layout, words
from figures.made_report import make_example
from matplotlib._pylab_helpers import Gcf

from keras_advxai import figures
from keras_advxai.figures.scale import HeatScale
from keras_advxai.measurements.examples import as_picture
from keras_advxai.metrics import nissim

PAIRS = {"grad_cam": "grad_cam_probability", "integrated_gradients": "integrated_gradients_probability"}
NAMES = [name for pair in PAIRS.items() for name in pair]
BLANK = np.zeros((16, 16))


def make_examples(index: int = 0, **changes):
    """Four explainers with maps of their own; one of `changes` by the explainer's name replaces parts of it."""
    generator = np.random.default_rng(index)
    image = generator.random((16, 16, 1))
    examples = []
    for name in NAMES:
        maps = {key: generator.random((16, 16)) for key in ("heatmap", "adversarial_heatmap")}
        example = make_example(explainer=name, index=index, image=image, adversarial=image[::-1], **maps)
        examples.append(dataclasses.replace(example, **changes.get(name, {})))
    return examples


def shown(axes):
    return np.asarray(axes.images[0].get_array())


def distance(a, b):
    return f"NISSIM {float(nissim(a[None, ..., None], b[None, ..., None])[0]):.3f}"


def test_a_row_for_each_pair_and_the_two_scores_side_by_side():
    examples = dict(zip(NAMES, make_examples(), strict=True))
    figure = figures.scores(list(examples.values()), PAIRS)
    *panels, bar = figure.axes
    assert len(panels) == 2 * 4
    scale = HeatScale(1.0, root=True)
    for row, pair in enumerate(PAIRS.items()):
        places = [(name, adversarial) for adversarial in (False, True) for name in pair]
        for axes, (name, adversarial) in zip(panels[4 * row : 4 * row + 4], places, strict=True):
            one = examples[name]
            image, heat = (one.adversarial, one.adversarial_heatmap) if adversarial else (one.image, one.heatmap)
            np.testing.assert_allclose(shown(axes), scale.overlay(image, heat), rtol=1e-6)
    assert bar.get_ylim() == (0, 1)


def test_words_say_classes_scores_and_the_nissim_of_each_pair():
    examples = make_examples()
    a, b, c, d = examples
    assert words(figures.scores(examples, PAIRS, class_names=["cat", "dog"])) == [
        "fgsm at epsilon 8/255, image 0",
        *("original", "cat 90.0 %", "no softmax", "softmax"),
        *("adversarial", "dog 60.0 %", "no softmax", "softmax"),
        "grad cam",
        distance(a.heatmap, b.heatmap),
        distance(a.adversarial_heatmap, b.adversarial_heatmap),
        "integrated\ngradients",
        distance(c.heatmap, d.heatmap),
        distance(c.adversarial_heatmap, d.adversarial_heatmap),
        "heat on gray, square root",
    ]


def test_nissim_of_signals_is_that_of_the_signal():
    generator = np.random.default_rng(0)
    maps = generator.random((4, 24, 1))
    pictures = [as_picture(each)[..., 0] for each in maps]
    image = as_picture(generator.random((24, 2)))
    examples = [
        make_example(explainer=name, image=image, adversarial=image, heatmap=before, adversarial_heatmap=after)
        for name, before, after in zip(NAMES, pictures[:2], pictures[2:], strict=False)
    ]
    figure = figures.scores(examples, dict([NAMES[:2]]))
    for first, second in ((0, 1), (2, 3)):
        assert f"NISSIM {float(nissim(maps[first][None], maps[second][None])[0]):.3f}" in words(figure)


def test_signals_are_strips_an_eighth_as_high_as_wide_and_frames_stand_side_by_side():
    signal, image, frames = (np.random.default_rng(0).random(shape) for shape in ((24, 2), (4, 5, 1), (3, 4, 5, 1)))
    np.testing.assert_array_equal(as_picture(signal), [signal] * 3)
    np.testing.assert_array_equal(as_picture(signal[:7]), [signal[:7]])
    assert as_picture(image) is image
    np.testing.assert_array_equal(as_picture(frames), np.hstack(list(frames)))


def test_blank_maps_are_called_blank():
    examples = make_examples(
        grad_cam={"heatmap": BLANK}, integrated_gradients_probability={"adversarial_heatmap": BLANK}
    )
    figure = figures.scores(examples, PAIRS)
    marked = [place for place, axes in enumerate(figure.axes) if [t.get_text() for t in axes.texts] == ["blank"]]
    assert marked == [0, 7]
    found = [text for text in words(figure) if text.startswith("NISSIM")]
    assert found[0] == "NISSIM -"
    assert found[3] == distance(examples[2].adversarial_heatmap, BLANK)
    everything = figures.scores([dataclasses.replace(e, heatmap=BLANK) for e in examples], PAIRS)
    check_layout(everything)


def test_pairs_choose_the_explainers_and_their_order():
    examples = make_examples()
    assert len(figures.scores(examples, [("grad_cam", "grad_cam_probability")]).axes) == 4 + 1
    turned = figures.scores(examples, [*reversed(PAIRS.items())])
    assert [text for text in words(turned) if "grad" in text] == ["integrated\ngradients", "grad cam"]


def test_one_pair_needs_no_square_root():
    examples = make_examples()
    figure = figures.scores(examples[:2], dict([NAMES[:2]]))
    assert words(figure)[-1] == "heat on gray"
    expected = HeatScale().overlay(examples[0].image, examples[0].heatmap)
    np.testing.assert_allclose(shown(figure.axes[0]), expected, rtol=1e-6)


def test_every_option_changes_the_result():
    examples = [*make_examples(), *make_examples(index=3)]
    assert words(figures.scores(examples, PAIRS, index=3))[0] == "fgsm at epsilon 8/255, image 3"
    examples = examples[:4]
    assert words(figures.scores(examples, PAIRS, title="cats"))[0] == "cats"
    chosen = figures.scores(examples, PAIRS, peak=0.5)
    expected = HeatScale(0.5, root=True).overlay(examples[0].image, examples[0].heatmap)
    np.testing.assert_allclose(shown(chosen.axes[0]), expected, rtol=1e-6)
    assert words(chosen)[-1] == "heat on gray, square root\ncut at 0.5"


def test_a_wrong_prediction_names_the_label():
    examples = [dataclasses.replace(e, label=1) for e in make_examples()]
    assert words(figures.scores(examples, PAIRS))[0] == "fgsm at epsilon 8/255, image 0, label: class 1"


@pytest.mark.parametrize("shape", [(16, 16), (300, 200), (40, 8), (4, 40)])
@pytest.mark.parametrize("pairs", [PAIRS, dict([NAMES[:2]]), {"a_very_long_name_of_an_explainer_" * 2: "other"}])
def test_texts_have_room(pairs, shape):
    pictures = {name: np.full((*shape, 3), 0.5) for name in ("image", "adversarial")}
    heatmaps = {name: np.full(shape, 0.0123) for name in ("heatmap", "adversarial_heatmap")}
    names = [name for pair in pairs.items() for name in pair]
    examples = [make_example(explainer=name, label=1, **pictures, **heatmaps) for name in names]
    check_layout(figures.scores(examples, pairs, class_names=["x" * 60, "Chesapeake_Bay_retriever"]))


def test_it_fits_a_card_and_its_letters_are_large_enough():
    figure = figures.scores(make_examples(), PAIRS)
    width, height = figure.get_size_inches() * figure.dpi
    assert width == 680
    assert width / height > 1.5
    assert min(text.get_fontsize() for text in figure.texts) * figure.dpi / 72 / 2 > 8.5


def test_can_be_saved_and_leaves_nothing_in_pyplot():
    file = io.BytesIO()
    figures.scores(make_examples(), PAIRS).savefig(file, format="png", dpi=30)
    assert file.getvalue().startswith(b"\x89PNG")
    assert not Gcf.get_all_fig_managers()


@pytest.mark.parametrize("pairs", [{}, [], iter(())])
def test_no_pairs_is_an_error_that_says_what_to_do(pairs):
    with pytest.raises(ValueError, match=r"at least one pair.*GradCAM\(score=\"probability\"\)"):
        figures.scores(make_examples(), pairs)


@pytest.mark.parametrize("pairs", ["grad_cam", ["grad_cam"], [("a", "b", "c")], [("a", 1)], 3, None])
def test_other_pairs_are_refused(pairs):
    with pytest.raises(TypeError, match="two explainers each"):
        figures.scores(make_examples(), pairs)


def test_several_images_attacks_or_epsilons_are_refused():
    with pytest.raises(ValueError, match=r"one image, attack and epsilon.*image 0, fgsm.*; image 3, fgsm"):
        figures.scores([*make_examples(), *make_examples(index=3)], PAIRS)
    for change in ({"attack": "other"}, {"epsilon": 0.5}):
        others = [dataclasses.replace(example, **change) for example in make_examples()]
        with pytest.raises(ValueError, match=r"index=.*report\.select\(attack=\.\.\., epsilon=\.\.\.\)"):
            figures.scores([*make_examples(), *others], PAIRS)


def test_examples_that_are_missing_are_named():
    with pytest.raises(ValueError, match=r"none of integrated_gradients_probability, but of grad_cam"):
        figures.scores(make_examples()[:3], PAIRS)
    with pytest.raises(ValueError, match=r"an image among the examples, 0\. Received: 7"):
        figures.scores(make_examples(), PAIRS, index=7)
    with pytest.raises(ValueError, match="not saved with it"):
        figures.scores([], PAIRS)
    with pytest.raises(ValueError, match="none of them for class 1"):
        figures.scores(make_examples(), PAIRS, class_names=["cat"])
