"""Train a classifier on real faces, and watch it being attacked after every epoch.

python examples/train_with_callback.py [directory]
"""

import pathlib
import sys

import keras
from keras import layers

import keras_advxai as kax

directory = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "train-with-callback")
directory.mkdir(parents=True, exist_ok=True)

# 200 real images of 25x25 pixels in [0, 1], gray: label 1 for a face, 0 for anything else.
(x_train, y_train), (x_test, y_test) = kax.datasets.faces.load_data()

keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        layers.Input((25, 25, 1)),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(2, activation="softmax"),
    ],
    name="faces",
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

# The one line that matters. An epsilon of 0.05 lets every pixel change by 5 % of the way from black to white.
evaluation = kax.callbacks.AdversarialEvaluation((x_test, y_test), epsilons=(0.01, 0.02, 0.05), log_dir=directory)

history = model.fit(
    x_train,
    y_train,
    batch_size=16,
    epochs=15,
    validation_data=(x_test, y_test),
    verbose=2,
    callbacks=[
        keras.callbacks.TensorBoard(directory, write_graph=False),  # in front, where it does not log our values again
        evaluation,  # in front of those that are to see its values
        keras.callbacks.CSVLogger(directory / "epochs.csv"),
    ],
)

# By epoch: accuracy at the largest epsilon, and the dissimilarity (MOD) of the heatmaps, averaged over the epsilons.
print("\naccuracy under attack:", [round(value, 2) for value in history.history["val_accuracy_fgsm"]])
print("drift of explanations:", [round(value, 2) for value in history.history["val_mod_fgsm_grad_cam"]])

# After training, the callback has evaluated all of the data once more.
print()
print(evaluation.report)

# The first four images under the strongest attack, and where the model looks in each.
strongest = evaluation.report.select(attack="fgsm", epsilon=0.05)
figure = kax.figures.comparison(strongest[:4], class_names=kax.datasets.faces.CLASS_NAMES)
figure.savefig(directory / "comparison.png")

print(f"\nTo look at every epoch: tensorboard --logdir {directory}")
