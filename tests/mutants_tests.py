"""Which tests look at a mutant of which module: sets of files, one after another until a test notices.

`ops/ssim` is keras_advxai/ops/ssim.py, and of the tests tests/ops/test_ssim.py.
"""

from __future__ import annotations

SETS: dict[str, tuple[str, ...]] = {
    "ops/ssim": ("ops/ssim", "metrics/nissim"),
    "ops/compiling": ("ops/compiling",),
    "ops/norms": ("ops/norms", "attacks/projections attacks/ddn"),
    "ops/heatmaps": ("ops/heatmaps", "explainers/explainer"),
    "ops/random": ("ops/random", "attacks/uniform_noise"),
    "ops/losses": ("ops/losses", "attacks/gradient_attack attacks/minimum_norm_attack"),
    "ops/selection": ("ops/selection", "attacks/pgd attacks/ddn"),
    "ops/*": ("ops/tokens ops/compiling",),
    "metrics/registry": ("metrics/metrics_registry registry",),
    "metrics/drift": ("metrics/drift metrics/drift_of_any metrics/drift_of_arrays",),
    "metrics/nissim": ("metrics/nissim",),
    "metrics/at_size": ("metrics/at_size",),
    "metrics/dissimilarity": ("metrics/metrics_registry metrics/dissimilarities metrics/drift",),
    "metrics/*": ("metrics/dissimilarities", "metrics/metrics_registry"),
    "attacks/ddn": ("attacks/ddn attacks/minimum_norm_attack", "attacks/kinds hyperparameters"),
    "attacks/deep_fool": ("attacks/deep_fool attacks/minimum_norm_attack", "attacks/kinds hyperparameters"),
    "attacks/minimum_norm_attack": ("attacks/minimum_norm_attack attacks/ddn attacks/deep_fool", "attacks/kinds"),
    "attacks/proposals": ("attacks/proposals attacks/square",),
    "attacks/square": ("attacks/square", "attacks/kinds hyperparameters"),
    "attacks/registry": ("registry attacks/attack",),
    "attacks/rows": ("attacks/ddn attacks/deep_fool attacks/square attacks/multi_target_pgd",),
    "attacks/loops": ("attacks/gradient_steps attacks/whole_budget",),
    "attacks/keep": (
        "attacks/gradient_steps attacks/pgd",
        "attacks/non_finite_gradients",
    ),
    "attacks/schedules": ("attacks/gradient_steps attacks/pgd",),
    "attacks/objective": ("attacks/gradient_steps attacks/pgd attacks/gradient_attack",),
    "attacks/explanation_*": (
        "attacks/explanation_objectives",
        "attacks/explanation_pgd attacks/explanation_pgd_options",
        "attacks/kinds hyperparameters",
    ),
    "attacks/ensemble": ("attacks/ensemble attacks/kinds",),
    "attacks/gradient_steps": (
        "attacks/gradient_steps attacks/attempts",
        "attacks/pgd attacks/mifgsm attacks/whole_budget attacks/non_finite_gradients",
    ),
    "attacks/pgd": ("attacks/pgd attacks/whole_budget attacks/kinds hyperparameters",),
    "attacks/bim": ("attacks/bim attacks/whole_budget attacks/kinds hyperparameters",),
    "attacks/mifgsm": ("attacks/mifgsm attacks/whole_budget attacks/kinds hyperparameters",),
    "attacks/multi_target_pgd": ("attacks/multi_target_pgd attacks/whole_budget attacks/kinds hyperparameters",),
    "attacks/attack": (
        "attacks/attack attacks/kinds",
        "attacks/whole_budget attacks/attacks_on_regressions attacks/attacks_on_several_labels",
    ),
    "attacks/gradient_attack": (
        "attacks/gradient_attack attacks/fgsm attacks/kinds hyperparameters",
        "attacks/non_finite_gradients",
    ),
    "attacks/fgsm": ("attacks/fgsm attacks/kinds",),
    "attacks/directions": ("attacks/directions attacks/mifgsm",),
    "attacks/starts": ("attacks/starts attacks/pgd",),
    "attacks/projections": ("attacks/projections",),
    "attacks/sign_noise": ("attacks/sign_noise attacks/kinds hyperparameters",),
    "attacks/uniform_noise": ("attacks/uniform_noise attacks/kinds hyperparameters",),
    "attacks/__init__": ("contrib/contrib registry", "contrib/clever_hans"),
    "attacks/*": ("attacks/attack attacks/kinds attacks/non_finite_gradients",),
    "explainers/explainer": (
        "explainers/explainer",
        "explainers/explainers_on_kinds explainers/grad_cam",
    ),
    "explainers/notices": ("explainers/explainer explainers/grad_cam",),
    "explainers/grad_cam": ("explainers/grad_cam explainers/class_activation_maps",),
    "explainers/score_cam": ("explainers/score_cam", "explainers/class_activation_maps hyperparameters"),
    "explainers/*_cam*": ("explainers/class_activation_maps explainers/grad_cam",),
    "explainers/class_activation_map": (
        "explainers/class_activation_maps explainers/grad_cam",
        "explainers/centered_logit",
    ),
    "explainers/layer_explainer": (
        "explainers/grad_cam explainers/class_activation_maps explainers/score_cam explainers/every_layer",
    ),
    "explainers/saliency": ("explainers/saliency",),
    "explainers/smooth_grad": ("explainers/smooth_grad explainers/sizes hyperparameters",),
    "explainers/sizes": ("explainers/sizes",),
    "explainers/averaging": ("explainers/smooth_grad explainers/sizes explainers/baselines",),
    "explainers/quadrature": ("explainers/quadrature explainers/nested_rules explainers/adaptive_steps",),
    "explainers/baselines": ("explainers/baselines explainers/integrated_gradients",),
    "explainers/nested_path": ("explainers/adaptive_steps",),
    "explainers/registry": ("registry explainers/explainer",),
    "explainers/parts": ("explainers/smooth_grad explainers/path explainers/sizes explainers/score_cam",),
    "explainers/path": ("explainers/path explainers/integrated_gradients explainers/adaptive_steps",),
    "explainers/integrated_gradients": (
        "explainers/integrated_gradients explainers/path",
        "explainers/adaptive_steps explainers/baselines explainers/quadrature hyperparameters",
    ),
    "explainers/__init__": ("contrib/contrib registry", "contrib/tf_keras_vis"),
    "explainers/*": ("explainers/explainer explainers/grad_cam",),
    "measurements/accuracy": (
        "measurements/robust_accuracy measurements/outcomes measurements/mutations",
        "evaluation/targeted_attacks evaluation/several_labels evaluation/regressions",
    ),
    "measurements/outcomes": (
        "measurements/robust_accuracy measurements/mutations checks/value_checks",
        "evaluation/several_labels evaluation/regressions",
    ),
    "measurements/archive": (
        "measurements/storage measurements/older_schema measurements/refused_files",
        "files",
    ),
    "measurements/storage": (
        "measurements/storage measurements/names_in_files measurements/refused_files",
        "measurements/mutations",
    ),
    "measurements/schema": (
        "measurements/storage measurements/names_in_files measurements/older_schema measurements/refused_files",
        "journal/journal_mutations",
    ),
    "measurements/reading": (
        "measurements/storage measurements/names_in_files measurements/refused_files measurements/mutations",
    ),
    "measurements/older_schema": ("measurements/older_schema",),
    "measurements/samples": ("measurements/samples",),
    "measurements/sample_tables": ("measurements/samples",),
    "measurements/statistics": ("measurements/statistics", "comparison/several_models"),
    "measurements/drift": (
        "evaluation/chance evaluation/mod_at_epsilon measurements/mutations",
        "evaluation/report",
    ),
    "measurements/scores": ("measurements/scores", "measurements/mutations"),
    "measurements/completeness": ("measurements/completeness",),
    "measurements/depth": ("measurements/depth",),
    "measurements/randomization": ("audit/randomization", "measurements/storage"),
    "measurements/finding": ("measurements/finding", "checks/value_checks checks/attack_checks"),
    "measurements/provenance": (
        "measurements/provenance measurements/provenance_parts",
        "evaluation/targeted_attacks",
    ),
    "measurements/coordinates": (
        "measurements/coordinates measurements/measurements",
        "measurements/storage measurements/refused_files",
    ),
    "measurements/measurements": (
        "measurements/measurements measurements/on_disk",
        "measurements/samples measurements/quantity evaluation/report",
    ),
    "measurements/quantity": (
        "measurements/quantity measurements/measurements",
        "measurements/mutations",
    ),
    "measurements/limits": (
        "measurements/quantity measurements/measurements measurements/mutations",
        "measurements/names_in_files measurements/storage measurements/refused_files",
    ),
    "measurements/on_disk": ("measurements/on_disk",),
    "measurements/unmeasured": ("measurements/unmeasured",),
    "measurements/budget": (
        "measurements/budget",
        "checks/attack_checks checks/drift_checks evaluation/mod_at_epsilon",
    ),
    "measurements/part": ("journal/journal_mutations",),
    "measurements/examples": ("measurements/gathered_examples figures/scores_figure", "viewer/viewer_pictures"),
    "measurements/row": ("measurements/report_forms measurements/outcomes", "evaluation/report"),
    "measurements/render": (
        "measurements/report_forms measurements/depth measurements/scores audit/randomization",
        "evaluation/report",
    ),
    "measurements/summary": ("measurements/report_forms", "evaluation/report"),
    "measurements/asking": ("evaluation/corruptions_in_reports evaluation/report",),
    "measurements/*": ("measurements/measurements measurements/report_forms",),
}
"""By module, the first pattern that it matches."""

EVERYWHERE = "docs::a_default_is_what_the_documentation_says frozen loops"
"""What looks at every module."""
