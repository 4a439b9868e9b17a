"""The figures as methods of what holds measurements, such as a report."""

from __future__ import annotations

from keras_advxai.measurements import accuracy as of_accuracy
from keras_advxai.measurements import budget as of_budget
from keras_advxai.measurements import completeness as of_completeness
from keras_advxai.measurements import drift as of_drift
from keras_advxai.measurements.asking import figure
from keras_advxai.measurements.measurements import Measurements


class MeasuredFigures:
    """Base of what has `measurements`: functions of these, where they are documented, as its methods."""

    measurements: Measurements

    accuracy = figure(of_accuracy.accuracy)
    exact_accuracy = figure(of_accuracy.exact_accuracy)
    accuracy_interval = figure(of_accuracy.accuracy_interval)
    flip_rate = figure(of_accuracy.flip_rate)
    label_flip_rates = figure(of_accuracy.label_flip_rates)
    mean_change = figure(of_accuracy.mean_change)
    mean_error = figure(of_accuracy.mean_error)
    attack_success_rate = figure(of_accuracy.attack_success_rate)
    targeted_success_rate = figure(of_accuracy.targeted_success_rate)
    targeted_interval = figure(of_accuracy.targeted_interval)
    minimum_perturbation = figure(of_accuracy.minimum_perturbation)
    median_perturbation = figure(of_accuracy.median_perturbation)
    dissimilarity = figure(of_drift.dissimilarity)
    dissimilarity_std = figure(of_drift.dissimilarity_std)
    mod = figure(of_drift.mod)
    vid = figure(of_drift.vid)
    chance = figure(of_drift.chance)
    relative_mod = figure(of_drift.relative_mod)
    budget_used = figure(of_budget.budget_used)
    blank_rate = figure(of_drift.blank_rate)
    completeness_gap = figure(of_completeness.completeness_gap)
    completeness = figure(of_completeness.completeness)
    steps_used = figure(of_completeness.steps_used)
