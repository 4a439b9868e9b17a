"""Figures in files and in notebooks."""

from __future__ import annotations

import builtins
import dataclasses
import datetime
import io

import pytest
from layout import check_layout, words
from made_report import make_example, make_report
from matplotlib._pylab_helpers import Gcf

from keras_advxai import figures
from keras_advxai.figures.standalone import StandaloneFigure
from keras_advxai.tensorboard.montage import description
from keras_advxai.tensorboard.pictures import figures_of


def test_every_figure_is_displayed_once():
    report = make_report()
    drawn = [figures.comparison(report.examples[0]), figures.explanation(report.examples[0]), figures.drift(report)]
    drawn.append(figures.scores(make_pair(), {"grad_cam": "grad_cam_probability"}))
    for figure in drawn:
        assert isinstance(figure, StandaloneFigure)
        assert figure._repr_html_() is None  # which matplotlib has for its own notebook backend
    assert drawn[1]._repr_png_().startswith(b"\x89PNG")
    assert not Gcf.get_all_fig_managers()  # whose figures a notebook shows at the end of the cell


def make_pair(name=""):
    return [make_example(explainer=each, name=name) for each in ("grad_cam", "grad_cam_probability")]


@pytest.mark.parametrize(
    ("ending", "beginning"),
    [("png", b"\x89PNG"), ("pdf", b"%PDF-"), ("svg", b"<?xml"), ("PNG", b"\x89PNG"), ("jpg", b"\xff\xd8")],
)
def test_files_by_their_ending(ending, beginning, tmp_path):
    figure = figures.explanation(make_example(name="$1 <&> 50 %_/ä.png"), class_names=["<b>", "$x^"])
    path = tmp_path / f"figure.{ending}"
    figure.savefig(path)
    assert path.read_bytes().startswith(beginning)
    figure.savefig(str(tmp_path / "other"), format=ending)
    assert (tmp_path / f"other.{ending}").read_bytes().startswith(beginning)
    file = io.BytesIO()
    figure.savefig(file, format=ending)
    assert file.getvalue().startswith(beginning)


@pytest.mark.parametrize("form", ["png", "pdf", "svg"])
def test_text_is_text_and_the_same_figure_makes_the_same_file(form, tmp_path):
    def saved(figure, **how):
        file = io.BytesIO()
        figure.savefig(file, format=form, **how)
        return file.getvalue()

    figures.explanation(make_example()).savefig(tmp_path / f"figure.{form}")
    content = saved(figures.explanation(make_example()))
    assert (tmp_path / f"figure.{form}").read_bytes() == content
    assert not any(word in content for word in (b"CreationDate", b"dc:date", str(tmp_path.parent).encode()))
    assert {"png": True, "pdf": b"/CIDFontType2" in content, "svg": b">original</text>" in content}[form]
    given = {"Title": "a title", **({"CreationDate": datetime.datetime(2020, 1, 1)} if form == "pdf" else {})}
    content = saved(StandaloneFigure(figsize=(1, 1)), metadata=given)  # what is given counts
    assert b"a title" in content
    assert (b"CreationDate" in content) == (form == "pdf")


def test_a_file_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    figure, path = StandaloneFigure(figsize=(1, 1)), tmp_path / "figure.png"
    figure.savefig(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="nosuch"):
        figure.savefig(tmp_path / "figure.nosuch")
    figure.text(0.5, 0.5, "more")
    opened = builtins.open

    class Full(io.FileIO):
        def write(self, content):
            super().write(bytes(content)[:10])
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(
        builtins, "open", lambda file, *mode: Full(file, "w") if mode == ("wb",) else opened(file, *mode)
    )
    with pytest.raises(OSError, match="No space left"):
        figure.savefig(path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_name_of_an_image_has_room():
    long = "photographs of animals/dogs in the park/WWWWWWWWWWWWWWWWWWWWWWWW.png"
    explained, pair = (
        figures.explanation(make_example(name=long)),
        figures.scores(make_pair(long), {"grad_cam": "grad_cam_probability"}),
    )
    for figure in (explained, pair):
        check_layout(figure)
        assert any("image 0: ...WWWWWWWWWWWWWWWWW.png" in text for text in words(figure))
    several = figures.explanation([make_example(index=index, name=f"cats/{index}.png") for index in (3, 4)])
    check_layout(several)
    assert any(text.startswith("image 4: cats/4.png") for text in words(several))


def test_descriptions_in_tensorboard_name_the_image():
    named = description(make_example(name="c`ats_/_1.png"), None)
    assert named.startswith("Image 0, `c'ats_/_1.png`. fgsm at epsilon 8/255")
    assert description(make_example(), "cat").startswith("Image 0, labelled cat. fgsm")
    report = make_report(score_pairs={"grad_cam": "integrated_gradients"})
    named = dataclasses.replace(
        report, examples=[dataclasses.replace(e, name=f"{e.index}.png") for e in report.examples]
    )
    said = {tag: words for tag, words, _ in figures_of(named, ["a", "b"])}
    assert said["advxai_scores/fgsm/1"].startswith("Image 1, `1.png`. fgsm at epsilon")
