"""Comparisons: what stands where, in words that fit."""

from __future__ import annotations

import io

import numpy as np
import pytest
from figures.made_report import NAN, make_example, make_report
from matplotlib._pylab_helpers import Gcf
from matplotlib.backends.backend_agg import FigureCanvasAgg

from keras_advxai import figures
from keras_advxai.figures.overlay import change, overlay
from keras_advxai.figures.scale import heat_scale

BLANK = np.zeros((5, 6))


def captions(figure, row=0):
    return [axes.get_xlabel() for axes in figure.axes[5 * row : 5 * row + 5]]


def test_a_row_for_each_example_and_two_colour_bars():
    figure = figures.comparison([make_example(index=index) for index in range(3)])
    assert len(figure.axes) == 3 * 5 + 2
    assert [axes.get_title() for axes in figure.axes[:5]] == [
        "original",
        "adversarial",
        "heatmap of original",
        "heatmap of adversarial",
        "difference",
    ]
    assert [axes.get_xlabel() for axes in figure.axes[-2:]] == [
        "heat, over a mid-gray image",
        "adversarial - original",
    ]
    assert figure.axes[-2].get_xlim() == (0, 1)
    assert figure.axes[-1].get_xlim() == (-1, 1)


def test_panels_show_images_and_heatmaps_pixel_by_pixel():
    example = make_example()
    figure = figures.comparison(example)
    shown = [axes.images[0] for axes in figure.axes[:5]]
    assert {image.get_interpolation() for image in shown} == {"nearest"}
    expected = (
        example.image.repeat(3, axis=-1),
        example.adversarial.repeat(3, axis=-1),
        overlay(example.image, example.heatmap),
        overlay(example.adversarial, example.adversarial_heatmap),
        change(example.heatmap, example.adversarial_heatmap),
    )
    for image, pixels in zip(shown, expected, strict=True):
        np.testing.assert_allclose(np.asarray(image.get_array()), pixels, rtol=1e-6)


def test_captions_say_class_probability_and_nissim():
    figure = figures.comparison(make_example())
    assert captions(figure) == [
        "class 0  90.0 %",
        "class 1  60.0 %\nprediction flipped",
        "",
        "",
        "NISSIM 0.500",
    ]
    assert figure.axes[0].get_ylabel() == "fgsm\nepsilon 8/255\ngrad_cam\nimage 0"
    named = figures.comparison(make_example(name="photographs/dogs and cats/1.png"))
    assert named.axes[0].get_ylabel() == "fgsm\nepsilon 8/255\ngrad_cam\n0: ... and cats/1.png"


@pytest.mark.parametrize("class_names", [["cat", "dog"], {0: "cat", 1: "dog"}, ("cat", "dog")])
def test_class_names(class_names):
    figure = figures.comparison(make_example(), class_names=class_names)
    assert captions(figure)[:2] == ["cat  90.0 %", "dog  60.0 %\nprediction flipped"]


def test_nothing_is_marked_where_nothing_flipped():
    assert captions(figures.comparison(make_example(adversarial_prediction=0)))[1] == "class 0  60.0 %"


def test_a_wrong_prediction_names_the_label():
    figure = figures.comparison(make_example(label=1), class_names=["cat", "dog"])
    assert captions(figure)[0] == "cat  90.0 %\nlabel: dog"


def test_blank_heatmaps_are_called_blank():
    figure = figures.comparison(make_example(heatmap=BLANK, dissimilarity=NAN))
    assert captions(figure)[2:] == ["blank: no evidence", "", "NISSIM -"]
    figure = figures.comparison(make_example(adversarial_heatmap=BLANK))
    assert captions(figure)[2:4] == ["", "blank: no evidence"]


def test_title():
    assert figures.comparison(make_example(), title="cats").get_suptitle() == "cats"


@pytest.mark.parametrize("names", [["x" * 60, "y" * 60], ["Chesapeake_Bay_retriever", "$a_b$ 100 %"]])
@pytest.mark.parametrize("shape", [(5, 6), (30, 10), (10, 40)])
def test_texts_do_not_overlap(names, shape):
    pictures = {name: np.full((*shape, 3), 0.5) for name in ("image", "adversarial")}
    heatmaps = {name: np.ones(shape) for name in ("heatmap", "adversarial_heatmap")}
    example = make_example(label=1, name="photographs/ILSVRC2012_val_00000293.JPEG", **pictures, **heatmaps)
    figure = figures.comparison([example, example], class_names=names, title="title")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    texts = [figure._suptitle]
    for axes in figure.axes:
        texts += [axes.title, axes.xaxis.label, axes.yaxis.label]
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    whole = figure.bbox
    for place, box in enumerate(boxes):
        assert whole.x0 <= box.x0 <= box.x1 <= whole.x1
        assert whole.y0 <= box.y0 <= box.y1 <= whole.y1
        assert not any(box.overlaps(other) for other in boxes[:place])


@pytest.mark.slow
def test_can_be_saved_and_leaves_nothing_in_pyplot():
    figure = figures.comparison(make_report().examples)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=30)
    assert file.getvalue().startswith(b"\x89PNG")
    assert not Gcf.get_all_fig_managers()


@pytest.mark.parametrize("examples", [[], iter(())])
def test_no_examples_is_an_error_that_says_why(examples):
    with pytest.raises(ValueError, match="not saved with it"):
        figures.comparison(examples)


@pytest.mark.parametrize("examples", [make_report(), [1], 3, None])
def test_other_things_are_refused(examples):
    with pytest.raises(TypeError, match=r"report\.examples\[:4\].*Received: (EvaluationReport|int|NoneType)"):
        figures.comparison(examples)


def test_class_names_must_name_every_class():
    with pytest.raises(ValueError, match="1 names, none of them for class 1"):
        figures.comparison(make_example(), class_names=["cat"])
    with pytest.raises(TypeError, match="class_names='cat'"):
        figures.comparison(make_example(), class_names="cat")


@pytest.mark.slow
def test_sparse_heatmaps_are_seen_and_the_end_of_their_scale_is_stated():
    """As those of Integrated Gradients on large images: one hot pixel, and all others far below."""
    sparse, image = np.full((40, 40), 0.04), np.full((40, 40, 1), 0.5)
    sparse[0, 0], sparse[1:3, 1:3] = 1, 0.1
    large = {"image": image, "adversarial": image, "heatmap": sparse, "adversarial_heatmap": sparse}
    rows = [make_example(), make_example(explainer="integrated_gradients", **large)]
    figure = figures.comparison(rows)
    peak = heat_scale([sparse, sparse]).peak
    assert peak < 0.5
    assert figure.axes[-2].get_xlabel() == (
        f"heat, over a mid-gray image\n1 stands for {peak:g} of integrated_gradients and more"
    )
    shown = np.asarray(figure.axes[5 + 2].images[0].get_array())
    np.testing.assert_allclose(shown, overlay(rows[1].image, np.minimum(sparse / peak, 1)), rtol=1e-6)
    # What has heat of all degrees keeps the colours of every other figure, beside it as well.
    np.testing.assert_allclose(
        np.asarray(figure.axes[2].images[0].get_array()), overlay(rows[0].image, rows[0].heatmap), rtol=1e-6
    )
