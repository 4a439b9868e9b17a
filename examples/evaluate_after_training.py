"""Evaluate a classifier that has been trained already: under attack, and where it looks.

python examples/evaluate_after_training.py [directory]
"""

import pathlib
import sys

import keras
from keras import layers

import keras_advxai as kax

directory = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "evaluate-after-training")
directory.mkdir(parents=True, exist_ok=True)

# Some trained model, in a file. Yours would take the place of this part.
(x_train, y_train), (x_test, y_test) = kax.datasets.faces.load_data()
keras.utils.set_random_seed(0)
trained = keras.Sequential(
    [
        layers.Input((25, 25, 1)),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, padding="same", activation="relu", name="last_convolution"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(2, activation="softmax"),
    ],
    name="faces",
)
trained.compile("adam", "sparse_categorical_crossentropy")
trained.fit(x_train, y_train, batch_size=16, epochs=15, verbose=0)
trained.save(directory / "model.keras")

# Load it, and evaluate it. Two explainers: Grad-CAM in front of the softmax (the default), and behind it.
model = keras.models.load_model(directory / "model.keras")
report = kax.evaluate(
    model,
    (x_test, y_test),
    attacks="fgsm",
    explainers=["grad_cam", kax.explainers.GradCAM(score="probability")],
    epsilons=(0.01, 0.02, 0.05, 0.1),
    log_dir=directory / "logs",
)
print(report)

# Ask it.
print(f"\naccuracy: {report.clean_accuracy:.0%}, under attack {report.accuracy('fgsm', 0.05):.0%}")
print(f"drift under attack: {report.mod('fgsm', 'grad_cam', 0.05):.3f}")
print(f"drift under noise:  {report.mod('uniform_noise', 'grad_cam', 0.05):.3f}")
print(f"drift where the prediction stayed: {report.mod('fgsm', 'grad_cam', 0.05, split='kept'):.3f}")

# Draw it, keep it, read it again.
kax.figures.drift(report).savefig(directory / "drift.png")
report.to_json(directory / "report.json")
again = kax.EvaluationReport.from_json(directory / "report.json")
print(f"read again: VID {again.vid('fgsm', 'grad_cam'):.3f}, of {len(again.samples)} images")

# Every part works alone, too: an attack, an explainer, a metric.
x, y = x_test[:8], y_test[:8]
adversarial = kax.attacks.FGSM()(model, x, y, epsilon=0.05)
grad_cam = kax.explainers.GradCAM(layer="last_convolution")
nissim = kax.metrics.nissim(grad_cam(model, x), grad_cam(model, adversarial))
print("dissimilarity of the first eight pairs of heatmaps:", nissim.round(3))
