"""Measure what holds explanations in place: training against attacks, a penalty on drift, and smooth activations.

python examples/remedies.py

trains small networks on faces and digits in each way from five seeds, prints tables, and writes them into
docs/what_moves_explanations.md. With `--results FILE` it keeps what was measured, and goes on from there if it was
interrupted. The digits need scikit-learn.
"""

import argparse
import json
import pathlib

import keras
import numpy as np
import page
from keras import layers

import keras_advxai as kax

EPSILONS = {"faces": (0.02, 0.05, 0.08), "digits": (0.05, 0.1, 0.15)}
WAYS = ("plain", "adversarial", "penalty", "smooth")
"""Plain training; that of Madry et al. at the middle epsilon; the same with a penalty on the drift of Grad-CAM; plain
training with a softplus in the place of each ReLU."""
ATTACK = kax.attacks.PGD(steps=3, step_size=0.5, keep="last")
"""That of the training."""
EXPLAINERS = {"Grad-CAM": kax.explainers.GradCAM(), "IG": kax.explainers.IntegratedGradients(steps=4)}


def load(name):
    """Training and test images with their labels: 150 and 50 faces and others, or 600 and 100 digits."""
    if name == "faces":
        return kax.datasets.faces.load_data()
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(2022).permutation(len(digits.target))
    x, y = (digits.images[order, ..., None] / 16).astype("float32"), digits.target[order].astype("int32")
    return (x[:600], y[:600]), (x[600:700], y[600:700])


def build(name):
    """A network of ReLUs."""
    middle = {
        "faces": [layers.MaxPooling2D(), layers.Conv2D(32, 3, activation="relu")],
        "digits": [layers.Conv2D(16, 3, activation="relu"), layers.Conv2D(32, 3, activation="relu")],
    }[name]
    shape, classes = {"faces": ((25, 25, 1), 2), "digits": ((8, 8, 1), 10)}[name]
    filters, padding = {"faces": (16, "valid"), "digits": (8, "same")}[name]
    first = layers.Conv2D(filters, 3, padding=padding, activation="relu")
    last = [layers.GlobalAveragePooling2D(), layers.Dense(classes, activation="softmax")]
    return keras.Sequential([layers.Input(shape), first, *middle, *last])


class Way:
    """One way to train the networks of a data set, each time from another seed."""

    def __init__(self, way, name, network, epochs):
        count, self.batch = {"faces": (150, 16), "digits": (600, 50)}[name]
        self.name, self.network, self.epochs, self.model = name, network, epochs, network
        if way not in ("plain", "smooth"):
            # Epsilon rises over the first half of the training.
            steps = epochs * -(-count // self.batch) // 2
            explainer = "grad_cam" if way == "penalty" else None
            self.model = kax.training.AdversarialTraining(
                network, attack=ATTACK, epsilon=EPSILONS[name][1], warmup_steps=steps, explainer=explainer
            )
        # On a processor, without XLA, whose convolutions are slow there.
        self.model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", jit_compile=False)
        self.model.optimizer.build(network.trainable_variables)
        self.start = [variable.numpy() for variable in self.model.optimizer.variables]

    def train(self, data, seed):
        """Begin again: one model for all seeds, so that it is traced once."""
        keras.utils.set_random_seed(seed)
        self.network.set_weights(build(self.name).get_weights())
        for variable, value in zip(self.model.optimizer.variables, self.start, strict=True):
            variable.assign(value)
        self.model.fit(*data, batch_size=self.batch, epochs=self.epochs, verbose=0)


def measure(network, test, epsilons, steps):
    """Accuracy under the strongest attacks, and drift under PGD and under attacks on each explanation, by epsilon."""
    common = {"epsilons": epsilons, "progress": False}
    strongest = kax.evaluate(network, test, attacks="standard", explainers=(), **common)
    against = {
        name: kax.attacks.ExplanationPGD(explainer=explainer, steps=steps) for name, explainer in EXPLAINERS.items()
    }
    drift = kax.evaluate(network, test, attacks=["pgd", *against.values()], explainers=[*EXPLAINERS.values()], **common)
    found = {"accuracy": [strongest.clean_accuracy, *(strongest.accuracy("standard", each) for each in epsilons)]}
    for name, explainer in EXPLAINERS.items():
        for what, attack in {"noise": "uniform_noise", "PGD": "pgd", "ExplanationPGD": against[name]}.items():
            mods = [drift.mod(attack, explainer, epsilon) for epsilon in epsilons]
            found[f"{name} {what}"] = [*mods, drift.vid(attack, explainer)]
        found[f"{name} chance"] = [drift.chance(explainer)]
    return found


def shown(rows, key, percent=False):
    """Each figure's mean over the seeds and its standard deviation."""
    values = np.array([row[key] for row in rows]) * (100 if percent else 1)
    spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.full(values.shape[1], np.nan)
    digits = 1 if percent else 3
    cells = [f"{mean:.{digits}f} ± {each:.{digits}f}" for mean, each in zip(values.mean(axis=0), spread, strict=True)]
    return [cell.replace("0.", ".") for cell in cells] if not percent else cells


def tables(results, names, ways):
    """The tables of what was measured, as Markdown."""
    parts = []
    for name in names:
        epsilons = EPSILONS[name]
        rows = {way: list(results[name][way].values()) for way in ways}
        count = min(len(found) for found in rows.values())
        accuracy = [[way, *shown(found, "accuracy", percent=True)] for way, found in rows.items()]
        heading = ["training", "clean", *(f"at {epsilon}" for epsilon in epsilons)]
        parts += [
            f"### The {name}, {count} seeds",
            "Accuracy under `standard` in percent:",
            page.table(heading, accuracy),
        ]
        for explainer in EXPLAINERS:
            cells = []
            for way, found in rows.items():
                chance = shown(found, f"{explainer} chance")
                cells += [
                    [way, what, *shown(found, f"{explainer} {what}"), *chance]
                    for what in ("noise", "PGD", "ExplanationPGD")
                ]
            heading = ["training", "under", *(f"at {epsilon}" for epsilon in epsilons), "VID", "chance"]
            parts += [f"MOD and VID of {explainer}:", page.table(heading, cells)]
    return "\n\n".join(parts)


def main():
    """Train, measure, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, help="40 for the faces and 30 for the digits by default")
    parser.add_argument("--steps", type=int, default=6, help="of attacks on explanations")
    parser.add_argument("--images", type=int, help="how many to evaluate on; all by default")
    parser.add_argument("--data", nargs="+", choices=EPSILONS, default=list(EPSILONS))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--results", type=pathlib.Path, help="JSON with what was measured, to go on from")
    parser.add_argument("--page", type=pathlib.Path, default=page.PAGE)
    given = parser.parse_args()
    results = json.loads(given.results.read_text()) if given.results and given.results.exists() else {}
    data, trained = {name: load(name) for name in given.data}, {}
    for name in given.data:
        networks = {"relu": build(name)}
        networks["smooth"] = kax.training.smooth_relus(networks["relu"])
        epochs = given.epochs or {"faces": 40, "digits": 30}[name]
        for way in given.ways:
            trained[name, way] = Way(way, name, networks["smooth" if way == "smooth" else "relu"], epochs)
    for seed in range(given.seeds):
        for (name, way), trainer in trained.items():
            done = results.setdefault(name, {}).setdefault(way, {})
            if str(seed) in done:
                continue
            train, (x, y) = data[name]
            trainer.train(train, seed)
            test = x[: given.images], y[: given.images]
            done[str(seed)] = measure(trainer.network, test, EPSILONS[name], given.steps)
            if given.results:
                given.results.write_text(json.dumps(results, indent=1))
    text = tables(results, given.data, given.ways)
    print(text)
    page.write("remedies", text, given.page)


if __name__ == "__main__":
    main()
