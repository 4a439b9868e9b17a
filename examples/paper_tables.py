"""The tables of paper.py: what the networks are, how far explanations move, and what of the paper shows."""

import dataclasses

import numpy as np
import page

RESAMPLES = 2000
SEEN = "map_grad_cam"


def named(example, name):
    """An example for a picture, under the name of its network."""
    return dataclasses.replace(example, name=name, explainer="grad_cam")


def of_networks(found, facts):
    """All tables of the architectures, as Markdown.

    Args:
        found: The comparison of their reports.
        facts: Of each architecture what `paper.evaluated` says.
    """
    groups = {kind: [name for name in found.models if facts[name]["kind"] == kind] for kind in ("deep", "wide")}
    level = f"{round(255 * found.epsilons[3])}/255"
    parts = {
        "The networks, what they learned, and where they are looked into": networks(found, facts),
        "Accuracy under FGSM and under noise, mean over the seeds": outcomes(found),
        "MOD of Grad-CAM at these layers, VID, chance, and the share of originals with a blank heatmap": drifts(
            found, SEEN
        ),
        "More than under noise, and more at larger epsilons? (\\*: the interval is without 0)": findings(found, SEEN),
        "More where the prediction flips? At the same epsilon and seed": failing(found),
        "Networks beside one another, on the same images, mean over the epsilons": pairs(found, groups),
        f"At every convolution, at {level}, means over thirds of the depth": depths(found, facts),
    }
    return titled(parts)


def of_heads(found):
    """All tables of the heads on ImageNet features, as Markdown.

    Args:
        found: The comparison of their reports.
    """
    parts = {
        "Accuracy under FGSM and under noise": outcomes(found),
        "MOD of Grad-CAM at the last layer, VID, chance, and the share of originals with a blank heatmap": drifts(
            found, "grad_cam"
        ),
        "More than under noise, and more at larger epsilons?": findings(found, "grad_cam"),
    }
    return titled(parts)


def titled(parts):
    """Tables below their titles; those that have no rows are left out."""
    return "\n\n".join(f"*{title}*\n\n{table}" for title, table in parts.items() if table)


def networks(found, facts):
    """What the networks are, and what they learned."""
    rows = []
    for name, known in facts.items():
        height, width, _ = known["shapes"][known["layer"]]
        rows.append(
            [
                f"{name} ({known['kind']})",
                f"{known['size']}x{known['size']}",
                f"{known['parameters']:,}",
                f"{known['parameters'] / known['full']:.1%}",
                f"{known['fitted']:.0%}",
                spread(found, name, "clean_accuracy"),
                f"`{known['layer']}`, {height}x{width}",
            ]
        )
    heading = (
        "network",
        "input",
        "parameters",
        "of the original",
        "accuracy in training",
        "on the test images",
        "layer of the heatmaps",
    )
    return page.table(heading, rows)


def spread(found, name, figure, **where):
    """A share of images, with those of all seeds."""
    value = found.value(name, figure, **where)
    each = [report.clean_accuracy for report in found.reports[name]]
    return f"{value:.0%}" + (f" ({' and '.join(f'{one:.0%}' for one in each)})" if len(each) > 1 else "")


def levels(found):
    """The epsilons as heads of columns."""
    return [f"{round(255 * epsilon)}/255" for epsilon in found.epsilons]


def outcomes(found):
    """Accuracy by epsilon, under the attack and under noise."""
    rows = []
    for name in found.models:
        for attack, said in (("fgsm", name), ("uniform_noise", f"{name}, noise")):
            by = [found.value(name, "accuracy", attack=attack, epsilon=epsilon) for epsilon in found.epsilons]
            clean = f"{found.value(name, 'clean_accuracy'):.0%}" if attack == "fgsm" else ""
            rows.append([said, clean, *(f"{value:.0%}" for value in by)])
    return page.table(["accuracy", "clean", *levels(found)], rows)


def drifts(found, explainer):
    """MOD by epsilon, under the attack and under noise, VID, chance, and the share of blank heatmaps of originals."""
    rows = []
    for name in found.models:
        for attack, said in (("fgsm", name), ("uniform_noise", f"{name}, noise")):
            by = {"attack": attack, "explainer": explainer}
            mods = [found.value(name, "mod", epsilon=epsilon, **by) for epsilon in found.epsilons]
            scale = ["", ""]
            if attack == "fgsm":
                chance = found.mean(name, lambda report: report.chance(explainer))
                scale = [number(chance), f"{found.mean(name, lambda report: report.blank_rate(None, explainer)):.0%}"]
            rows.append(
                [
                    said,
                    *map(number, mods),
                    number(found.value(name, "vid", **by)),
                    *scale,
                ]
            )
    return page.table(["MOD", *levels(found), "VID", "chance", "blank"], rows)


def number(value):
    """Three digits, without the zero in front."""
    return f"{value:.3f}".replace("0.", ".", 1)


def signed(value):
    """A difference."""
    return ("+" if value >= 0 else "-") + number(abs(value))


def dissimilarities(found, name, attack, explainer):
    """What was measured of each image, `(epsilons, images)`: the mean over the seeds."""
    reports = found.reports[name]
    values = [[report.dissimilarity(attack, explainer, each) for each in found.epsilons] for report in reports]
    return mean(np.array(values), 0)


def mean(values, axis):
    """The mean of what was measured; of heatmaps that are blank, nothing was."""
    counts = np.sum(~np.isnan(values), axis)
    return np.where(counts > 0, np.nansum(values, axis) / np.maximum(counts, 1), np.nan)


def interval(values, show=number):
    """The mean over the images, and its 95 % interval by the bootstrap; a star where that leaves out 0.

    Args:
        values: One for each image.
        show: What makes text of a number. Defaults to `number`.
    """
    values = values[~np.isnan(values)]
    drawn = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.quantile(values[drawn].mean(-1), (0.025, 0.975))
    star = "\\*" if show is not number and low * high > 0 else ""
    return f"{show(values.mean())}{star} ({show(low)} to {show(high)})"


def findings(found, explainer):
    """Whether explanations move more than under noise, and more at larger epsilons."""
    rows = []
    seeds = any(len(reports) > 1 for reports in found.reports.values())
    for name in found.models:
        attacked, noise = (dissimilarities(found, name, attack, explainer) for attack in ("fgsm", "uniform_noise"))
        mods = mean(attacked, 1)
        chance = found.mean(name, lambda report: report.chance(explainer))
        rows.append(
            [
                name,
                interval(mean(attacked, 0)),
                *([by_seed(found, name, explainer)] if seeds else []),
                f"{np.mean(mods) / chance:.0%}",
                interval(mean(attacked - noise, 0), signed),
                interval(attacked[0] - noise[0], signed),
                interval(attacked[-1] - attacked[0], signed),
                f"{int(np.sum(np.diff(mods) > 0))} of {len(mods) - 1}",
            ]
        )
    first, last = levels(found)[0], levels(found)[-1]
    heading = (
        "MOD, mean over epsilons",
        "its mean (95 %)",
        *(["of each seed"] if seeds else []),
        "of chance",
        "above noise",
        f"above noise at {first}",
        f"from {first} to {last}",
        "steps upwards",
    )
    return page.table(heading, rows)


def by_seed(found, name, explainer):
    """The mean over the epsilons for each seed."""
    reports = found.reports[name]
    return ", ".join(number(np.mean([one.mod("fgsm", explainer, each) for each in found.epsilons])) for one in reports)


def failing(found):
    """Whether explanations of images whose prediction flips move more than those of the others, at the same epsilon."""
    rows = []
    for name in found.models:
        values, flips = [], []
        for report in found.reports[name]:
            prediction = report.measurements.at("prediction", attack="fgsm")
            values.append([report.dissimilarity("fgsm", SEEN, each) for each in found.epsilons])
            flips.append(prediction != report.measurements.at("prediction"))
        values, flips = (np.reshape(each, (-1, np.shape(each)[-1])) for each in (values, flips))
        flipped, kept, difference = apart(values, flips, np.ones((1, values.shape[1])))
        drawn = np.random.default_rng(0).integers(values.shape[1], size=(RESAMPLES, values.shape[1]))
        counts = np.stack([np.bincount(each, minlength=values.shape[1]) for each in drawn])
        low, high = np.nanquantile(apart(values, flips, counts)[2], (0.025, 0.975))
        star = "\\*" if low * high > 0 else ""
        rows.append(
            [
                name,
                f"{flips.mean():.0%}",
                number(flipped[0]),
                number(kept[0]),
                f"{signed(difference[0])}{star} ({signed(low)} to {signed(high)})",
            ]
        )
    heading = "at the same epsilon", "predictions flipped", "MOD of flipped", "MOD of kept", "difference (95 %)"
    return page.table(heading, rows)


def apart(values, flips, counts):
    """MOD of flipped and of kept predictions, and their difference, over the conditions that have both.

    Args:
        values: Dissimilarities, `(conditions, images)`.
        flips: Whether the prediction flipped, likewise.
        counts: How often each image is counted, `(resamples, images)`.
    """
    known = ~np.isnan(values)
    sums = [counts @ np.where(known & chosen, values, 0).T for chosen in (flips, ~flips)]
    sizes = [counts @ (known & chosen).T for chosen in (flips, ~flips)]
    both = (sizes[0] > 0) & (sizes[1] > 0)
    means = [
        mean(np.where(both, total / np.maximum(size, 1), np.nan), 1) for total, size in zip(sums, sizes, strict=True)
    ]
    return (*means, means[0] - means[1])


def pairs(found, groups):
    """Differences between networks, on the same images and over all epsilons."""
    chosen = {"ResNet101 - ResNet50": (["ResNet101"], ["ResNet50"])}
    chosen["deep - wide"] = groups["deep"], groups["wide"]
    for name in ("VGG16", "InceptionV3"):
        chosen[f"{name} - the others"] = [name], [other for other in found.models if other != name]
    rows = []
    for said, (first, second) in chosen.items():
        if not second or not set(first) | set(second) <= set(found.models) or not first:
            continue
        one, other = (
            [np.mean([each[place] for each in (measured(found, name) for name in group)], 0) for place in range(3)]
            for group in (first, second)
        )
        clean, accuracy, drift = (mine - theirs for mine, theirs in zip(one, other, strict=True))
        rows.append([said, *(interval(each, signed) for each in (clean, accuracy, drift))])
    if not rows:
        return ""
    return page.table(["difference (95 %)", "clean accuracy", "accuracy under FGSM", "MOD"], rows)


def measured(found, name):
    """Of each image: whether it is right, the share of epsilons at which it stays so, and how far the heatmap moves."""
    reports = found.reports[name]
    clean = [report.measurements.at("prediction") == report.measurements.at("label") for report in reports]
    attacked = [
        report.measurements.at("prediction", attack="fgsm") == report.measurements.at("label") for report in reports
    ]
    return np.mean(clean, 0), np.mean(attacked, (0, 1)), mean(dissimilarities(found, name, "fgsm", SEEN), 0)


def depths(found, facts):
    """MOD by thirds of the depth of each network. Convolutions whose output has one position have no map."""
    epsilon = found.epsilons[3]
    rows = []
    for name in found.models:
        profile = found.profile(name, attack="fgsm", explainer=SEEN, epsilon=epsilon)
        thirds = np.minimum(np.floor(3 * profile.depth), 2)
        cells = [
            " / ".join(number(np.mean(each[thirds == third])) for each in (profile.mod, profile.noise, profile.chance))
            for third in range(3)
        ]
        most = np.argmax(profile.mod)
        layers = [layer for layer in profile.layers if layer in facts[name]["convolutions"]]
        known = f"{len(layers)} of {len(facts[name]['convolutions'])}"
        rows.append([name, known, *cells, f"`{profile.layers[most]}`: {number(profile.mod[most])}"])
    heading = "MOD / noise / chance", "convolutions with a map", "first third", "second", "last", "where it moves most"
    return page.table(heading, rows)
