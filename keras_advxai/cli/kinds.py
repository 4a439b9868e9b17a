"""Kinds of options, and how they are read."""

from __future__ import annotations

import math
import pathlib
import re
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    Kind = click.ParamType[Any]
else:
    Kind = click.ParamType  # which is generic for type checkers, and since click 8.2 only


class Epsilon(Kind):
    """A budget as people write it, `8/255` or `0.03`."""

    name = "epsilon"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number that a text means."""
        if isinstance(value, float):
            return value
        above, slash, below = str(value).partition("/")
        try:
            number = float(above) / (float(below) if slash else 1.0)
        except (ValueError, ZeroDivisionError):
            number = math.nan
        if not math.isfinite(number) or number < 0:
            self.fail(f"must be a fraction of the pixels' range, such as 8/255 or 0.03: {value}", param, ctx)
        return number


class Shard(Kind):
    """A part of the data, `3/16`: the fourth of sixteen."""

    name = "shard"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Its number and how many there are."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", str(value).strip())
        if found is None or not int(found[1]) < int(found[2]):
            self.fail(f"must be a number from 0 and how many there are, 0/16 to 15/16: {value}", param, ctx)
        return int(found[1]), int(found[2])


class Size(Kind):
    """A size in pixels, `224`, or `height x width`, `224x320`."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Height and width."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"([1-9]\d{0,4})(?:x([1-9]\d{0,4}))?", str(value).strip())
        if found is None:
            self.fail(f"must be a number of pixels, 224, or height and width, 224x320: {value}", param, ctx)
        return int(found[1]), int(found[2] or found[1])


class Share(Kind):
    """A number from 0 to 1.

    Args:
        positive: Whether it must be above 0. Defaults to `False`.
    """

    name = "share"

    def __init__(self, positive: bool = False) -> None:
        self.positive = positive

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 <= number <= 1 or (self.positive and not number):
            self.fail(
                f"must be a number {'above 0 and at most' if self.positive else 'from 0 to'} 1: {value}", param, ctx
            )
        return number


class Path(Kind):
    """A file or folder; `~` is the user's home.

    Args:
        exists: Whether something has to be there. Defaults to `False`.
        word: What stands for something else than a file, and stays as it is. Defaults to `None`, nothing.
    """

    name = "path"

    def __init__(self, exists: bool = False, word: str | None = None) -> None:
        self.exists = exists
        self.word = word

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> pathlib.Path | str:
        """The path."""
        if self.word is not None and value == self.word:
            return self.word
        path = pathlib.Path(value).expanduser()
        try:
            there = not self.exists or path.exists()
        except (OSError, ValueError) as error:  # a name that is too long, or with a NUL
            self.fail(f"{str(value)[:80]!r} cannot be a path: {getattr(error, 'strerror', None) or error}", param, ctx)
        if not there:
            self.fail(f"there is nothing at {str(path)!r}", param, ctx)
        return path
