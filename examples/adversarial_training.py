"""Train small networks on faces, plainly and against attacks, and measure what that does to them.

python examples/adversarial_training.py [seeds] [epochs]

prints a line for each way to train, with the mean over the seeds: 5 seeds and 60 epochs by default.
"""

import sys

import keras
import numpy as np
from keras import layers

import keras_advxai as kax

seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
epochs = int(sys.argv[2]) if len(sys.argv) > 2 else 60
epsilons = (0.02, 0.05, 0.08)
train, test = kax.datasets.faces.load_data()


def build(seed):
    """A network whose training begins from a seed."""
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            layers.Input((25, 25, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax"),
        ]
    )


# Epsilon rises over the first half of the training.
against = {"epsilon": 0.05, "warmup_steps": epochs * len(train[0]) // 16 // 2}
ways = {
    "plain": lambda model: model,
    "madry": lambda model: kax.training.AdversarialTraining(model, **against),
    "trades": lambda model: kax.training.AdversarialTraining(model, loss="trades", **against),
}

shown = [f"{name} {epsilon}" for name in ("accuracy", "MOD", "noise") for epsilon in epsilons]
print("         " + "".join(f"{name:>15}" for name in ("clean", *shown)))
for name, wrapped in ways.items():
    rows = []
    for seed in range(seeds):
        network = build(seed)
        model = wrapped(network)
        model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
        model.fit(*train, batch_size=16, epochs=epochs, verbose=0)
        # Accuracy under the strongest attacks there are, and drift under PGD beside that under noise.
        report = kax.evaluate(network, test, attacks=["standard", "pgd"], epsilons=epsilons, progress=False)
        rows.append(
            [report.clean_accuracy]
            + [report.accuracy("standard", epsilon) for epsilon in epsilons]
            + [report.mod(attack, "grad_cam", epsilon) for attack in ("pgd", "uniform_noise") for epsilon in epsilons]
        )
    print(f"{name:<9}" + "".join(f"{value:15.3f}" for value in np.mean(rows, axis=0)))
