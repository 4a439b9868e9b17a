"""What a check has to say, and how checks are declared."""

from __future__ import annotations

import dataclasses
import inspect
import pathlib
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Generic, Literal, Protocol, Self, TypeAlias, TypeVar, get_args

from keras_advxai._choice import check_one_of, is_one_of
from keras_advxai.measurements.reading import is_text, shown


class Evident(Protocol):
    """What a kind of checks looks at."""

    def without(self, cause: str) -> Self | None:
        """The same without the images of which a finding has spoken; `None` if nothing is left to look at.

        Args:
            cause: The id of the finding.
        """


E = TypeVar("E", bound=Evident)
"""What a kind of checks looks at."""

Severity: TypeAlias = Literal["error", "warning", "note"]

DOCUMENT = pathlib.Path(__file__).parents[1] / "checks.md"
"""Where all checks are explained; it is part of the installed package."""


class Finding(str):
    """One sentence on what would be misread otherwise: a string, with what is known about it.

    Args:
        text: The sentence.
        id: The name of the check, a heading in the document that `link` leads to.
        severity: `"error"` where the figures are wrong, `"warning"` where they may not mean what they seem to, and
            `"note"` for what they are to be read with. Defaults to `"note"`.

    Example:

    >>> from keras_advxai.measurements.finding import Finding
    >>> found = Finding("The data have no labels.", id="no-labels")
    >>> found.id, found.severity, found.link.rpartition("/")[2]
    ('no-labels', 'note', 'checks.md#no-labels')
    """

    id: str
    severity: Severity

    def __new__(cls, text: str, *, id: str, severity: Severity = "note") -> Self:
        """The sentence, with its name and severity."""
        # A string, so that a list of findings prints as sentences, and `in` finds a word in one.
        found = super().__new__(cls, text)
        check_one_of("severity", severity, get_args(Severity), hint=False)
        found.id = id
        found.severity = severity
        return found

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (str(self),), {"id": self.id, "severity": self.severity}

    @property
    def link(self) -> str:
        """Where the check is explained: a heading in a file of the installed package."""
        # Beside the installed code: a path in the repository leads nowhere for who installed the wheel.
        return f"{DOCUMENT.as_uri()}#{self.id}"

    def to_dict(self) -> dict[str, str]:
        """The finding as plain Python values."""
        return {"id": self.id, "severity": self.severity, "text": str(self)}

    @classmethod
    def from_dict(cls, config: Any) -> Finding:
        """The finding that `to_dict` described.

        Raises:
            ValueError: It is something else.
        """
        if not isinstance(config, Mapping) or not all(is_text(config.get(key)) for key in ("id", "text")):
            raise ValueError("`warnings` must hold dictionaries with the strings `id`, `severity` and `text`.")
        severity: Any = config.get("severity")
        if not is_one_of(severity, get_args(Severity)):
            raise ValueError(
                f"`warnings.severity` must be one of {', '.join(get_args(Severity))}. Received: {shown(severity)}"
            )
        return cls(config["text"], id=config["id"], severity=severity)


@dataclasses.dataclass(frozen=True)
class Check(Generic[E]):
    """One check: a function of what it looks at.

    Attributes:
        id: Its name.
        severity: How much what it says matters.
        run: The function: sentences, one sentence, or nothing.
        silenced_by: The ids of the checks whose findings are the cause of what this one would say: the images of which
            they speak are kept from it, and it is silent where none are left.
    """

    id: str
    severity: Severity
    run: Callable[[E], Iterator[str] | str | None]
    silenced_by: tuple[str, ...] = ()

    @property
    def explanation(self) -> str:
        """What the check looks for, why, and what to do: the function's docstring."""
        return inspect.cleandoc(self.run.__doc__ or "")

    def findings(self, evidence: E) -> list[Finding]:
        """What the check has to say."""
        said = self.run(evidence)  # most checks have one sentence or none, a few one for each attack
        sentences = () if said is None else (said,) if isinstance(said, str) else said
        return [Finding(sentence, id=self.id, severity=self.severity) for sentence in sentences]


class Checks(Generic[E]):
    """Checks of one kind, in the order in which they were declared and speak."""

    def __init__(self) -> None:
        self.all: dict[str, Check[E]] = {}

    def check(
        self, id: str, severity: Severity = "note", *, silenced_by: tuple[str, ...] = ()
    ) -> Callable[[Callable[[E], Any]], Callable[[E], Any]]:
        """Declares a check: the decorated function says a sentence, several, or nothing; its docstring explains it.

        Args:
            id: Its name, in lower case with hyphens.
            severity: `"error"`, `"warning"` or `"note"`; see `Finding`. Defaults to `"note"`.
            silenced_by: The ids of the checks whose findings are the cause of what this one would say; see `Check`.
                Defaults to `()`, none.
        """

        def declare(run: Callable[[E], Any]) -> Callable[[E], Any]:
            self.all[id] = Check(id, severity, run, silenced_by)
            return run

        return declare

    def findings(
        self, evidence: E, said: Collection[str] = (), errors: dict[str, Exception] | None = None
    ) -> list[Finding]:
        """What all checks have to say: causes, and of their consequences only what is there without them.

        Args:
            evidence: What they look at.
            said: The ids of what other kinds of checks have said. Defaults to `()`, nothing.
            errors: Where the error of a check that fails is put, by its id, and the others are asked. Defaults to
                `None`: it is raised.
        """
        found: dict[str, list[Finding]] = {}

        def ask(item: Check[E]) -> list[Finding]:
            if item.id not in found:
                found[item.id] = []  # until it is known, should two checks name each other
                causes = [id for id in item.silenced_by if id in said or (id in self.all and ask(self.all[id]))]
                left: E | None = evidence
                for cause in causes:
                    left = None if left is None else left.without(cause)
                try:
                    found[item.id] = [] if left is None else item.findings(left)
                except Exception as error:  # of whatever the check has run
                    if errors is None:
                        raise
                    errors[item.id] = error
            return found[item.id]

        return [finding for item in self.all.values() for finding in ask(item)]
