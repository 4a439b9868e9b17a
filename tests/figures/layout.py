"""Whether the words of a figure have room."""

from __future__ import annotations

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox


def words(figure: Figure) -> list[str]:
    """What is written on the figure itself."""
    return [text.get_text() for text in figure.texts]


def check_layout(figure: Figure) -> None:
    """Raise if words leave the figure, or meet other words or a panel."""
    FigureCanvasAgg(figure).draw()
    whole = figure.bbox
    texts = [(text.get_text(), text.get_window_extent()) for text in figure.texts]
    for axes in figure.axes:
        labels = [*axes.get_xticklabels(), *axes.get_yticklabels()]
        texts += [(text.get_text(), text.get_window_extent()) for text in labels if text.get_text()]
    panels = [axes.get_window_extent() for axes in figure.axes]
    for place, (text, box) in enumerate(texts):
        assert whole.x0 <= box.x0 <= box.x1 <= whole.x1, f"{text!r} leaves the figure"
        assert whole.y0 <= box.y0 <= box.y1 <= whole.y1, f"{text!r} leaves the figure"
        for other, taken in texts[:place]:
            assert not _meet(box, taken), f"{text!r} meets {other!r}"
        assert not any(_meet(box, panel) for panel in panels), f"{text!r} meets a panel"


def _meet(box: Bbox, other: Bbox) -> bool:
    """Whether two boxes share more than a pixel at their edges."""
    across = min(box.x1, other.x1) - max(box.x0, other.x0)
    down = min(box.y1, other.y1) - max(box.y0, other.y0)
    return across > 1.5 and down > 1.5
