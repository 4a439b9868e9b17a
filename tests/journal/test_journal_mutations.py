"""Reading trusts nothing: whatever was changed in a journal is refused and named, or read as it stands there."""

from __future__ import annotations

import dataclasses
import json
import re
import struct
from collections import Counter

import numpy as np
import pytest
from journal_mutations import IDENTITY, Mutation, joined, make_parts, make_records, mutations

from keras_advxai import EvaluationReport
from keras_advxai.journal import Journal, JournalError
from keras_advxai.journal.encoding import decoded, encoded
from keras_advxai.measurements import Measurements
from keras_advxai.measurements.part import Part

NAMES_SOMETHING = re.compile(
    r"^Record \d of the journal |^The journal '.*' is of another evaluation\. |must name a journal "
)


def assert_same_part(one: Part, other: Part) -> None:
    assert encoded(one, "0" * 64) == encoded(other, "0" * 64)  # which has all of it, bit by bit
    assert one.shape == other.shape
    assert one.last == {}


def read(mutation: Mutation, folder) -> str:
    """Whether a changed journal is refused, or right; anything else is a failure."""
    path = folder / "journal"
    path.write_bytes(mutation.content)
    journal, said = None, ""
    try:
        journal = Journal(path, IDENTITY)
    except JournalError as error:
        said = str(error)
    if journal is None:
        assert NAMES_SOMETHING.search(said), said
        assert len(said) < 3000
        assert path.read_bytes() == mutation.content  # left as it is
        return "refused"
    with journal:
        parts = list(journal.parts())
        assert journal.images == sum(len(part.measurements) for part in parts)
    records = make_records() if mutation.told is None else mutation.told
    assert len(parts) < len(records) or not records
    assert mutation.told is None or len(parts) == max(0, len(records) - 1)
    for part, record in zip(parts, records[1:], strict=False):
        assert encoded(part, decoded(record)[1]) == encoded(*decoded(record))
    if mutation.told is None:  # a disk's doing never changes what is read
        for part, made in zip(parts, make_parts(), strict=False):
            assert_same_part(part, made)
    if parts:
        found = Measurements.concat([part.measurements for part in parts])
        report = EvaluationReport(found, {"model": "net"}, examples=tuple(e for part in parts for e in part.examples))
        assert 0 <= report.clean_accuracy <= 1
        assert all(0 <= report.accuracy(attack, 0.1) <= 1 for attack in report.attacks if 0.1 in report.epsilons)
        assert len(report.select(attack="ddn")) <= len(report.examples)
    return "right"


def count(number: int, folder, seed: int = 0) -> Counter[str]:
    """How many of some mutations are refused, and how many are right."""
    found: Counter[str] = Counter()
    for index, mutation in enumerate(mutations(number, seed)):
        try:
            found[read(mutation, folder)] += 1
        except Exception as error:
            error.add_note(f"mutation {index}: {mutation.kind}")
            raise
    return found


def test_what_was_written_is_read_bit_by_bit(tmp_path):
    (tmp_path / "journal").write_bytes(joined(make_records()))
    with Journal(tmp_path / "journal", IDENTITY) as journal:
        assert len(journal) == 3
        assert journal.images == 9
        for number, part in enumerate(make_parts()):
            assert_same_part(journal.part(number), part)
            assert journal.data(number) == f"{number}" * 64
            for one, other in zip(part.examples, journal.part(number).examples, strict=True):
                assert {key: repr(value) for key, value in vars(one).items()} == {
                    key: repr(value) for key, value in vars(other).items()
                }
            for name, values in part.arriving.items():
                np.testing.assert_array_equal(journal.part(number).arriving[name], values)


def test_an_image_of_many_examples_stands_there_once():
    part = make_parts()[0]
    assert len(part.examples) == 8
    content, image = encoded(part, "0" * 64), part.examples[0].image
    assert content.count(image.tobytes()) == 1


def test_a_record_of_before_there_were_probabilities_is_read():
    """Its header does not name them, and so its examples have none."""
    part = make_parts()[0]
    without = [dataclasses.replace(item, probabilities=None, adversarial_probabilities=None) for item in part.examples]
    before = dataclasses.replace(part, examples=tuple(without))
    content = encoded(before, "0" * 64)
    (length,) = struct.unpack_from("<I", content)
    header = json.loads(content[4 : 4 + length])
    assert header.pop("probabilities") == [[None, None]] * 8
    text = json.dumps(header).encode()
    found, _ = decoded(struct.pack("<I", len(text)) + text + content[4 + length :])
    assert_same_part(found, before)


@pytest.mark.parametrize("places", [[[0, None]] * 8, [[None]] * 8, [[None, None]], 3, [[-1, 0]] * 8, [[99, 0]] * 8])
def test_probabilities_that_do_not_fit_are_named(places):
    content = encoded(make_parts()[0], "0" * 64)
    (length,) = struct.unpack_from("<I", content)
    text = json.dumps({**json.loads(content[4 : 4 + length]), "probabilities": places}).encode()
    with pytest.raises(ValueError, match="probabilities"):
        decoded(struct.pack("<I", len(text)) + text + content[4 + length :])


def test_changed_journals_are_refused_or_right(tmp_path):
    found = count(180, tmp_path)
    assert found["refused"] > 90
    assert found["right"] > 25


@pytest.mark.slow
def test_two_thousand_changed_journals_are_refused_or_right(tmp_path):
    found = count(2000, tmp_path, seed=1)
    assert found["refused"] > 1000
    assert found["right"] > 300
