"""The document that explains the checks is what their docstrings say, and leads somewhere."""

from __future__ import annotations

import configparser
import pathlib
import re
import urllib.parse

import pytest

from keras_advxai import audit, checks
from keras_advxai.audit.document import document
from keras_advxai.measurements.finding import DOCUMENT, Finding

ROOT = pathlib.Path(__file__).parents[2]
CHECKS = [item for found in (checks.CHECKS, checks.TRAINING, audit.CHECKS) for item in found.all.values()]


def test_it_is_what_is_generated():
    assert DOCUMENT.read_text("utf-8") == document(), "make checks-document"


def test_each_check_has_one_heading():
    headings = re.findall(r"^## (.+)$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert headings == list(dict.fromkeys(item.id for item in CHECKS))  # one has a cheap form and a thorough one
    assert len(set(headings)) == len(headings) > 30


@pytest.mark.parametrize("item", CHECKS, ids=lambda item: item.id)
def test_each_is_explained_and_its_link_leads_to_its_heading(item):
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", item.id), "the anchor of a heading is the heading itself"
    assert len(item.explanation) > 40
    link = urllib.parse.urlparse(Finding("Something.", id=item.id, severity=item.severity).link)
    file = pathlib.Path(urllib.parse.unquote(link.path))
    assert f"## {link.fragment}" in file.read_text("utf-8").splitlines()


def test_the_order_in_which_they_speak():
    names = [item.id for item in CHECKS]
    order = [
        "unsure-logits",
        "random-model",
        "not-finite",
        "budget-exceeded",
        "few-images",
        "other-weights",
        "averaged-weights",
        "blocked-gradient",
    ]
    order += ["epsilon-zero-differs", "full-range"]
    assert sorted(order, key=names.index) == order


def test_it_is_part_of_what_is_installed():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert DOCUMENT.relative_to(ROOT / "keras_advxai").name in config["options.package_data"]["keras_advxai"].split()
