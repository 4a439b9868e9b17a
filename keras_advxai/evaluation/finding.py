"""What a check of an evaluation has to say."""

from __future__ import annotations

from typing import Any, Literal, Self, TypeAlias, get_args

Severity: TypeAlias = Literal["error", "warning", "note"]


class Finding(str):
    """One sentence on what would be misread otherwise: a string, with what is known about it.

    Args:
        text: The sentence.
        id: The name of the check, a heading in `docs/checks.md`.
        severity: `"error"` where the figures are wrong, `"warning"` where they may not mean what they seem to, and
            `"note"` for what they are to be read with. Defaults to `"note"`.

    Example:

    >>> from keras_advxai.evaluation.finding import Finding
    >>> found = Finding("The data have no labels.", id="no-labels")
    >>> found.id, found.severity, found.link
    ('no-labels', 'note', 'docs/checks.md#no-labels')
    """

    id: str
    severity: Severity

    def __new__(cls, text: str, *, id: str, severity: Severity = "note") -> Self:
        """The sentence, with its name and severity."""
        found = super().__new__(cls, text)
        if severity not in get_args(Severity):
            raise ValueError(
                f"Argument `severity` must be one of {', '.join(get_args(Severity))}. Received: severity={severity!r}"
            )
        found.id = id
        found.severity = severity
        return found

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (str(self),), {"id": self.id, "severity": self.severity}

    @property
    def link(self) -> str:
        """Where the check is explained."""
        return f"docs/checks.md#{self.id}"

    def to_dict(self) -> dict[str, str]:
        """The finding as plain Python values."""
        return {"id": self.id, "severity": self.severity, "text": str(self), "link": self.link}

    @classmethod
    def from_dict(cls, config: dict[str, str]) -> Finding:
        """The finding that `to_dict` described."""
        severity: Any = config["severity"]
        return cls(config["text"], id=config["id"], severity=severity)
