"""The tables of a comparison."""

from __future__ import annotations

import itertools
import math
import textwrap

from keras_advxai.comparison.comparison import Comparison
from keras_advxai.comparison.rows import Rank
from keras_advxai.measurements.render import metric_text
from keras_advxai.tables import Column, Table, contents
from keras_advxai.tables.contents import Parts
from keras_advxai.tables.table import Remark
from keras_advxai.text import enumeration, epsilon_text, number_text, percent_text, value_text

_MOST_EXPLAINERS = 8
"""Of more, the tables are of the first, and the rows have the others."""
_MOST_PAIRS = 15
"""Of more pairs, the tables of differences are in files alone."""


@contents.register
def render(comparison: Comparison) -> Parts:
    """Accuracy, MOD and differences of all models, and what is to be known of them.

    Args:
        comparison: What `compare` returned.
    """
    parts: list[str | Table | Remark] = [_heading(comparison)]
    attacks = [attack for attack in comparison.attacks if attack not in comparison.controls] or comparison.attacks
    explainers = comparison.shown_explainers
    shown = explainers[:_MOST_EXPLAINERS]
    for attack in attacks:
        parts.append(outcome_table(comparison, attack))
        for explainer, metric in itertools.product(shown, comparison.metrics):
            parts.append(drift_table(comparison, attack, explainer, metric))
    if math.comb(len(comparison.models), 2) <= _MOST_PAIRS:
        for attack in attacks:
            parts.append(difference_table(comparison, attack))
            for explainer, metric in itertools.product(shown, comparison.metrics):
                parts.append(difference_table(comparison, attack, explainer, metric))
    notes = list(comparison.notes)
    if len(shown) < len(explainers):
        notes.append(f"{len(explainers) - len(shown)} further explainers are in the rows and their file alone.")
    parts += [Remark("Note", note) for note in notes]
    return tuple(parts)


def _heading(comparison: Comparison) -> str:
    runs = {name: len(listed) for name, listed in comparison.reports.items()}
    said = [f"{name} ({count} runs)" if count > 1 else name for name, count in runs.items()]
    report = next(iter(comparison.reports.values()))[0]
    level, levels = ("severity", "severities") if comparison.scale == "severity" else ("epsilon", "epsilons")
    lines = [f"{len(runs)} models on the same {comparison.images} images: {enumeration(said)}."]
    if comparison.explainers:
        lines.append(f"Heatmaps explain {_TARGETS[report.target]}. `of chance` is of the MOD at the largest {level}.")
    if report.provenance["labels"] != "given":
        lines.append("No labels: accuracy counts agreement with each model's own clean predictions.")
    lines.append(
        "Ranks count models that are clearly better or worse, by the 95 % interval of the difference on the same "
        f"images of the mean over the {levels}."
    )
    if any(count > 1 for count in runs.values()):
        lines.append("Of several runs: their mean, and below it their standard deviation.")
    return "\n".join(part for line in lines for part in textwrap.wrap(line, width=110))


_OUTCOMES = {"accuracy": "Accuracy", "mean_change": "Mean absolute change of the output"}
_TARGETS = {
    "predicted": "each image's own prediction",
    "clean": "the clean prediction, for both images",
    "label": "the label, for both images",
}


def outcome_table(comparison: Comparison, attack: str) -> Table:
    """Accuracy of each model under one attack, and of a regression how far outputs change.

    Args:
        comparison: The comparison.
        attack: Name of the attack.
    """
    of, show = comparison.outcome, percent_text if comparison.outcome == "accuracy" else value_text
    clean = [Column("clean", show=percent_text)] if of == "accuracy" else []
    levels = [Column(epsilon_text(epsilon), show=show) for epsilon in comparison.epsilons]
    table = Table([Column("model"), *clean, *levels, Column("rank")], f"{_OUTCOMES[of]} under {attack}")
    noise = comparison.noise_of(attack)
    ranks = _places(comparison.ranks(of, attack=attack))
    for model in comparison.models:
        own = [row for row in comparison.rows if (row.model, row.attack) == (model, attack)]
        rows = own[: len(comparison.epsilons)]  # those of further explainers say the same
        first = [rows[0].clean_accuracy][: len(clean)]
        table.add(model, *first, *(getattr(row, of) for row in rows), ranks[model])
        if rows[0].runs > 1:
            first = [rows[0].clean_accuracy_std][: len(clean)]
            table.add(f"std of {rows[0].runs}", *first, *(getattr(row, f"{of}_std") for row in rows), indented=True)
        if noise is not None:
            under = (comparison.value(model, of, attack=noise, epsilon=row.epsilon) for row in rows)
            table.add(noise, *[None][: len(clean)], *under, indented=True)
    return table


def drift_table(comparison: Comparison, attack: str, explainer: str, metric: str) -> Table:
    """MOD of each model under one attack and under noise, VID, and chance.

    As a share of chance stands the MOD at the largest epsilon; of the budget, the smallest share that was used.

    Args:
        comparison: The comparison.
        attack: Name of the attack.
        explainer: Name of the explainer.
        metric: Name of the dissimilarity.
    """
    levels = [Column(epsilon_text(epsilon), show=number_text) for epsilon in comparison.epsilons]
    scales = [
        Column("vid", "VID", number_text),
        Column("chance", show=number_text),
        Column("relative_mod", "of\nchance", _whole_percent),
        Column("budget_used", "budget\nused", _whole_percent),
    ]
    columns = [Column("model"), *levels, *scales, Column("rank")]
    table = Table(columns, f"MOD of {explainer}{metric_text(metric)} under {attack}")
    ranks = _places(comparison.ranks("mod", attack=attack, explainer=explainer, metric=metric))
    noise = comparison.noise_of(attack)
    last = comparison.epsilons.index(max(comparison.epsilons))
    for model in comparison.models:
        seen = (model, attack, explainer, metric)
        rows = [row for row in comparison.rows if (row.model, row.attack, row.explainer, row.metric) == seen]
        used = [row.budget_used for row in rows if not math.isnan(row.budget_used)]  # NaN at epsilon 0
        scale = (rows[0].vid, rows[0].chance, rows[last].relative_mod, min(used, default=math.nan))
        table.add(model, *(row.mod for row in rows), *scale, ranks[model])
        if rows[0].runs > 1:
            table.add(f"std of {rows[0].runs}", *(row.mod_std for row in rows), rows[0].vid_std, indented=True)
        if noise is not None:
            table.add(noise, *(row.noise for row in rows), indented=True)
    return table


def difference_table(comparison: Comparison, attack: str, explainer: str = "", metric: str = "") -> Table:
    """The differences of all pairs under one attack, with their intervals.

    Args:
        comparison: The comparison.
        attack: Name of the attack.
        explainer: Name of the explainer, for the differences of MOD. Defaults to none: those of accuracy.
        metric: Name of the dissimilarity, likewise.
    """
    figure = "mod" if explainer else comparison.outcome
    what = f"MOD of {explainer}{metric_text(metric)}" if explainer else _OUTCOMES[comparison.outcome].lower()
    levels = [Column(epsilon_text(epsilon)) for epsilon in comparison.epsilons]
    digits = "+.4g" if figure == "mean_change" else "+.3f"  # outputs are of any size

    def shown(value: float) -> str:
        return "-" if math.isnan(value) else format(value, digits)

    table = Table(
        [Column("pair"), *levels, *([Column("mean")] if len(levels) > 1 else [])],
        f"Differences of {what} under {attack}, and their 95 % intervals (* without 0)",
    )
    for first, second in itertools.combinations(comparison.models, 2):
        found = [
            item
            for item in comparison.differences
            if (item.first, item.second, item.figure) == (first, second, figure)
            and (item.attack, item.explainer, item.metric) == (attack, explainer, metric)
        ]
        found = found[: len(table.columns) - 1]  # of one epsilon, the mean is the same
        star = ["*" if item.is_clear else "" for item in found]
        table.add(
            f"{first} - {second}", *(f"{shown(item.difference)}{mark}" for item, mark in zip(found, star, strict=True))
        )
        table.add(
            "interval",
            *("-" if math.isnan(item.low) else f"{shown(item.low)}..{shown(item.high)}" for item in found),
            indented=True,
        )
    return table


def _whole_percent(share: float) -> str:
    return percent_text(share, 0)  # a table is to fit into 120 columns


def _places(ranks: tuple[Rank, ...]) -> dict[str, str]:
    return {rank.model: str(rank) for rank in ranks}
