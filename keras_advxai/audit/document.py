"""The document that explains each check, `keras_advxai/checks.md`, written from the docstrings of the checks.

`python -m keras_advxai.audit.document` writes it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from keras_advxai import audit, checks
from keras_advxai.measurements.finding import DOCUMENT, Check

_CHEAP = """\
# Checks of an evaluation

`report.warnings` lists what the figures of a report are to be read with. Each is a sentence with a name (`.id`), a
severity (`.severity`) and a link to its heading here (`.link`). An *error* says that figures are wrong, a *warning*
that they may not mean what they seem to, and a *note* what belongs to them.

This file is generated from the docstrings of the checks: change them, then `make checks-document`.
"""

_TRAINING = """\
# During a training

What the callback `AdversarialEvaluation` adds, which knows what the training itself has measured.
"""

_ALL = """\
# With `checks="all"`

These run the model again, on the first 128 images (fewer if there are fewer), and report only the first problem
they find. What they cost beside the evaluation itself, on those images:

| checks | what is run |
|---|---|
| `random-model`, `stateful-model`, `other-predictions` | two passes, the second on the first batch only; not compiled |
| `blocked-gradient`, `stopped-gradient` | on the first batch: two passes, each with two backward, or three |
| the same for pixels, `quantised-input`, `misleading-gradients` | on the first batch: seven passes, two backward |
| `epsilon-zero-differs` | two passes for each attack; a minimum-norm attack once more |
| `depends-on-scale` | each attack with gradients twice more, at one epsilon |
| `more-steps` | each attack with steps or restarts once more at one epsilon, with twice as many of both |
| `full-range` | each untargeted iterative attack with gradients twice more |
| `insensitive-explainer` | the explainers on 16 images twice, compiled once more; one pass, not compiled |

So a `PGD` that an evaluation runs at four epsilons is run by these checks five times more, one of them four times as
long; and it is compiled twice more. The one epsilon is that at which about half of the images are misclassified. For a
random model nothing else is reported, because whatever is run twice differs.
"""


def document() -> str:
    """The text: a heading for each check, and its docstring below.

    Example:

    >>> from keras_advxai.audit.document import document
    >>> "## random-model" in document().splitlines()
    True
    """
    parts = ((_CHEAP, checks.CHECKS), (_TRAINING, checks.TRAINING), (_ALL, audit.CHECKS))
    seen: set[str] = set()
    texts: list[str] = []
    for head, found in parts:
        new = {id: item for id, item in found.all.items() if id not in seen}  # one id, one heading
        seen |= set(new)
        texts += [head, *_sections(new.values())]
    return "\n".join(texts)


def _sections(items: Iterable[Check[Any]]) -> list[str]:
    return [f"## {item.id}\n\n*{item.severity.capitalize()}.* {item.explanation}\n" for item in items]


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
