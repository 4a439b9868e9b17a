"""The figure of one explainer: what stands where, at the size of a card."""

from __future__ import annotations

import io

import numpy as np
import pytest
from figures.layout import check_layout, words
from figures.made_report import NAN, make_example, make_report
from matplotlib._pylab_helpers import Gcf
from matplotlib.backends.backend_agg import FigureCanvasAgg

from keras_advxai import figures
from keras_advxai.figures.scale import HeatScale

BLANK = np.zeros((5, 6))


def shown(axes):
    return np.asarray(axes.images[0].get_array())


def test_two_overlays_and_one_colour_bar():
    example = make_example()
    before, after, bar = figures.explanation(example).axes
    np.testing.assert_allclose(shown(before), HeatScale().overlay(example.image, example.heatmap), rtol=1e-6)
    np.testing.assert_allclose(
        shown(after), HeatScale().overlay(example.adversarial, example.adversarial_heatmap), rtol=1e-6
    )
    assert bar.get_ylim() == (0, 1)


def test_words_say_class_probability_and_nissim():
    assert words(figures.explanation(make_example(), class_names=["cat", "dog"])) == [
        "grad_cam, fgsm at epsilon 8/255, image 0",
        *("original", "cat 90.0 %"),
        *("adversarial", "dog 60.0 %"),
        "NISSIM 0.500, prediction flipped",
        "heat on gray",
    ]


def test_a_wrong_prediction_names_the_label():
    assert "NISSIM 0.500, flipped, label: class 1" in words(figures.explanation(make_example(label=1)))
    kept = make_example(label=1, adversarial_prediction=0)
    assert "NISSIM 0.500, label: dog" in words(figures.explanation(kept, class_names={0: "cat", 1: "dog"}))


def test_sparse_maps_share_a_scale_that_is_cut_and_says_so():
    sparse = np.full((5, 6), 0.25)
    sparse[0, 0] = 1
    faint = np.full((5, 6), 0.125)
    example = make_example(heatmap=sparse, adversarial_heatmap=faint)
    figure = figures.explanation(example)
    scale = HeatScale(0.3)
    np.testing.assert_allclose(shown(figure.axes[0]), scale.overlay(example.image, sparse), rtol=1e-6)
    np.testing.assert_allclose(shown(figure.axes[1]), scale.overlay(example.adversarial, faint), rtol=1e-6)
    assert words(figure)[-1] == "heat on gray\ncut at 0.3"
    assert "NISSIM 0.500, prediction flipped" in words(figure)


def test_every_option_changes_the_result():
    example = make_example()
    titled = figures.explanation(example, title="cats")
    assert words(titled)[0] == "cats"
    assert words(figures.explanation(example, title=""))[0] == "original"
    chosen = figures.explanation(example, peak=0.5)
    np.testing.assert_allclose(shown(chosen.axes[0]), HeatScale(0.5).overlay(example.image, example.heatmap), rtol=1e-6)
    with_images = figures.explanation(example, images=True)
    assert len(with_images.axes) == 5
    np.testing.assert_allclose(shown(with_images.axes[0]), example.image.repeat(3, axis=-1), rtol=1e-6)
    assert with_images.get_figheight() > figures.explanation(example).get_figheight()


def test_a_row_for_each_example_says_what_it_has_of_its_own():
    examples = [make_example(), make_example(index=3, dissimilarity=0.25, heatmap=BLANK)]
    figure = figures.explanation(examples)
    assert len(figure.axes) == 2 * 2 + 1
    assert words(figure)[0] == "grad_cam, fgsm at epsilon 8/255"
    place = words(figure).index("image 3")
    assert words(figure)[place + 1] == "NISSIM 0.250, prediction flipped"
    assert "image 0" in words(figure)
    check_layout(figure)


def test_blank_heatmaps_are_called_blank():
    figure = figures.explanation(make_example(heatmap=BLANK, dissimilarity=NAN))
    before, after, _ = figure.axes
    assert [text.get_text() for text in before.texts] == ["blank"]
    assert not after.texts
    assert "NISSIM -, prediction flipped" in words(figure)


@pytest.mark.parametrize("shape", [(5, 6), (224, 224), (30, 10), (4, 40)])
@pytest.mark.parametrize("names", [["x" * 60, "n" * 60], ["Chesapeake_Bay_retriever", "$a_b$ 100 %"]])
def test_texts_have_room(names, shape):
    pictures = {name: np.full((*shape, 3), 0.5) for name in ("image", "adversarial")}
    heatmaps = {name: np.full(shape, 0.0123) for name in ("heatmap", "adversarial_heatmap")}
    explainer = "integrated_gradients_probability"
    example = make_example(label=1, explainer=explainer, **pictures, **heatmaps)
    check_layout(figures.explanation(example, class_names=names))
    check_layout(figures.explanation([example, example], class_names=names, images=True))


def test_it_fits_a_card_and_its_letters_are_large_enough():
    figure = figures.explanation(make_example())
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = canvas.get_width_height()
    assert width == 680
    assert width / height > 1.5  # the space for a picture in a card is 368x222 pixels
    sizes = [text.get_fontsize() for text in figure.texts]
    sizes += [text.get_fontsize() for axes in figure.axes for text in axes.get_yticklabels()]
    assert min(sizes) * figure.dpi / 72 / 2 > 8.5  # pixels on a card, which shows half of the figure's


def test_can_be_saved_and_leaves_nothing_in_pyplot():
    file = io.BytesIO()
    figures.explanation(make_report().examples[:3]).savefig(file, format="png", dpi=30)
    assert file.getvalue().startswith(b"\x89PNG")
    assert not Gcf.get_all_fig_managers()


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="not saved with it"):
        figures.explanation([])
    with pytest.raises(TypeError, match=r"report\.examples\[:4\].*Received: EvaluationReport"):
        figures.explanation(make_report())
    with pytest.raises(ValueError, match="1 names, none of them for class 1"):
        figures.explanation(make_example(), class_names=["cat"])
    with pytest.raises(ValueError, match="peak=2"):
        figures.explanation(make_example(), peak=2)
