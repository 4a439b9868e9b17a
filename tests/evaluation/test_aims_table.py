"""The table that has what explanations were attacked with beside what labels were, of one norm."""

from __future__ import annotations

from comparison.made_reports import made

from keras_advxai.evaluation.tables import aims_table
from keras_advxai.text import number_text

ATTACKS = ("uniform_noise", "fgsm", "explanation_pgd", "ddn")
AIMS = {"uniform_noise": "noise", "fgsm": "label", "explanation_pgd": "explanation", "ddn": "label"}
NORMS = {"uniform_noise": "linf", "fgsm": "linf", "explanation_pgd": "linf", "ddn": "l2"}


def test_attacks_on_the_explanation_stand_first_and_noise_last():
    report = made(attacks=ATTACKS, aims=AIMS, norms=NORMS, explainers=("grad_cam", "saliency"))
    table = aims_table(report, "linf")
    order = ("explanation_pgd", "fgsm", "uniform_noise")  # and none of another norm
    assert [column.title for column in table.columns] == [
        "explainer and epsilon", "explanation: explanation_pgd", "label: fgsm", "noise: uniform_noise", "chance"
    ]  # fmt: skip
    assert table.title == "MOD by what was aimed at (linf)"
    found = [line.values for line in table.lines if not line.is_group]
    assert found == [
        (epsilon, *(report.mod(attack, explainer, epsilon) for attack in order), report.chance(explainer))
        for explainer in ("grad_cam", "saliency")
        for epsilon in report.epsilons
    ]
    text = str(report)
    assert "MOD by what was aimed at (linf)" in text
    assert "MOD by what was aimed at (l2)" not in text  # nothing of that norm aims at explanations
    assert number_text(report.mod("explanation_pgd", "saliency", 0.1)) in text.split("MOD by what was aimed at")[1]


def test_of_one_norm_it_is_not_named_and_without_an_attack_on_explanations_there_is_no_table():
    of_one = made(attacks=ATTACKS[:3], aims=dict(list(AIMS.items())[:3]), norms=dict.fromkeys(ATTACKS[:3], "linf"))
    assert aims_table(of_one, "linf").title == "MOD by what was aimed at"
    assert "MOD by what was aimed at" not in str(made())
