"""The experiment of Chakraborty et al. 2022 on small networks: five architectures under FGSM, seen at every layer.

python examples/paper.py [--models VGG16 ...] [--epochs 40] [--seeds 2] [--images 50] ...

trains the networks on faces, and heads on the features of a network with ImageNet weights, evaluates all of them, and
writes tables into what_moves_explanations.md and figures into images/, both in the folder of --output.
"""

import argparse
import pathlib
import time

import keras
import numpy as np
import page
import paper_tables
import tensorflow as tf
from keras import layers

import keras_advxai as kax
from keras_advxai.comparison import Comparison

# What each takes at least, what the paper calls it, and the layer whose heatmaps are compared: at these sizes, the last
# layers have one position, or three by three, so it is the last one with at least 4x4 that all of the network passes.
ARCHITECTURES = {
    "VGG16": (32, "deep", "block4_conv3"),
    "ResNet50": (32, "deep", "conv3_block4_out"),
    "ResNet101": (32, "deep", "conv3_block4_out"),
    "InceptionV3": (75, "wide", "mixed2"),
    "Xception": (71, "wide", "add_10"),
    "VGG19": (32, "deep", "block4_conv4"),  # not in the paper
}
PAPER = ("VGG16", "ResNet50", "ResNet101", "InceptionV3", "Xception")
HEADS = ("linear", "hidden")
EPSILONS = tuple(levels / 255 for levels in (1, 2, 4, 8, 12, 16, 24, 32))
BATCH = 30


@keras.saving.register_keras_serializable("paper")
class MapGradCAM(kax.explainers.GradCAM):
    """Grad-CAM at the layer of `ARCHITECTURES`, or at any other one that is named: one name for all networks."""

    def layers(self, model, shape=None):
        """The path of the explained layer."""
        own = {name.lower(): layer for name, (_, _, layer) in ARCHITECTURES.items()}
        name = model.model.name.replace("_", "")
        return (own[name],) if self.layer is None and name in own else super().layers(model, shape)


def main():
    """Train, evaluate and write."""
    options = arguments()
    # Rewriting the graphs of such deep networks takes longer than it saves in so short a training.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    began, used = time.perf_counter(), time.process_time()
    output = pathlib.Path(options.output)
    (output / "images").mkdir(parents=True, exist_ok=True)
    train, (x, y) = kax.datasets.faces.load_data()
    test = x[: options.images], y[: options.images]
    networks, examples = {}, []
    for name in options.models:
        facts, reports = networks[name] = evaluated(name, train, test, options)
        chosen = reports[0].select(attack="fgsm", explainer="map_grad_cam", epsilon=EPSILONS[3])[0]
        examples.append(paper_tables.named(chosen, name))
    if networks:
        compared = comparison({name: reports for name, (_, reports) in networks.items()})
        facts = {name: known for name, (known, _) in networks.items()}
        page.write("paper", paper_tables.of_networks(compared, facts), output / page.PAGE.name)
        figures = {"models": kax.figures.models, "trade_off": kax.figures.trade_off}
        figures["depth"] = lambda found: kax.figures.relative_depth(found, epsilon=EPSILONS[3])
        for file, figure in figures.items():
            drawn = figure(compared)
            if file == "depth":
                drawn.set_size_inches(10, 6.2)  # for a hundred layers of several networks
            drawn.savefig(output / "images" / f"paper_{file}.png", dpi=90)
        pictures = kax.figures.comparison(examples, class_names=kax.datasets.faces.CLASS_NAMES)
        pictures.savefig(output / "images" / "paper_faces.png", dpi=90)
    if options.heads:
        compared = comparison(heads(train, test, options))
        page.write("paper heads", paper_tables.of_heads(compared), output / page.PAGE.name)
        kax.figures.models(compared).savefig(output / "images" / "paper_heads.png", dpi=90)
    print(f"{time.perf_counter() - began:.0f} s, and {time.process_time() - used:.0f} s of a core")


def arguments():
    """What the command line says."""
    known = {name.lower(): name for name in ARCHITECTURES}
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", nargs="*", default=PAPER, help="architectures to train")
    parser.add_argument("--heads", nargs="*", default=HEADS, choices=HEADS, help="heads on ImageNet features")
    parser.add_argument("--width", type=float, default=0.25, help="share of the filters of each layer")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=2, help="trainings of each architecture")
    parser.add_argument("--images", type=int, default=50, help="how many of the test images to evaluate")
    parser.add_argument("--output", default=page.PAGE.parent, help="folder with the page")
    options = parser.parse_args()
    unknown = [name for name in options.models if name.lower() not in known]
    if unknown:
        parser.error(f"unknown architecture {unknown[0]}: choose from {', '.join(ARCHITECTURES)}")
    options.models = list(dict.fromkeys(known[name.lower()] for name in options.models))
    for option in (options.models, options.heads):
        if len(option) == 1:
            parser.error(f"there is nothing to compare with {option[0]} alone: name two or more, or none")
    return options


def build(name, width):
    """An architecture of keras.applications for two classes of gray images, each layer with a share of its filters.

    Depth, structure and names are those of the original. Two things are not, because the data are few: statistics of
    BatchNormalization follow faster, and each residual block begins as the identity (Goyal et al. 2017). VGG, which has
    no BatchNormalization, begins with He's initializer, without which nothing arrives at its end.
    """
    keras.utils.clear_session()  # layers of the original without a name of their own are numbered from the first
    size = ARCHITECTURES[name][0]
    original = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 1), classes=2)

    def narrow(layer):
        config = layer.get_config()
        for key in {"filters", "units"} & set(config):
            if layer.name != "predictions":
                config[key] = max(1, round(width * config[key]))
        if isinstance(layer, layers.BatchNormalization):
            config["momentum"] = 0.9
            if layer.name.endswith("_3_bn"):
                config["gamma_initializer"] = "zeros"
        if name.startswith("VGG") and "kernel_initializer" in config:
            config["kernel_initializer"] = "he_normal"
        return type(layer).from_config(config)

    return keras.models.clone_model(original, clone_function=narrow), original.count_params()


def resized(images, size):
    """Images at the size that a network takes."""
    larger = keras.ops.image.resize(images, (size, size))
    return np.clip(keras.ops.convert_to_numpy(larger), 0, 1)  # rounding


def augmentation(seed):
    """A function that flips and moves images, and changes their brightness and contrast."""
    kinds = [
        layers.RandomFlip("horizontal", seed=seed),
        layers.RandomTranslation(0.1, 0.1, fill_mode="nearest", seed=seed),
        layers.RandomBrightness(0.1, value_range=(0, 1), seed=seed),
        layers.RandomContrast(0.2, value_range=(0, 1), seed=seed),
    ]
    changed = keras.Sequential(kinds)
    return lambda images: tf.clip_by_value(changed(images, training=True), 0, 1)


def evaluated(name, train, test, options):
    """An architecture, trained from several seeds: facts of it, and the report of each."""
    keras.utils.set_random_seed(0)
    model, full = build(name, options.width)
    size, kind, layer = ARCHITECTURES[name]
    x, (x_test, y_test) = resized(train[0], size), (resized(test[0], size), test[1])
    steps = max(1, options.epochs * len(x) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(1e-5, steps, warmup_target=1e-3, warmup_steps=steps // 5)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", jit_compile=False)
    explainers = [MapGradCAM(), *MapGradCAM.every_layer(model)]
    reports, fitted = [], []
    for seed in range(options.seeds):
        keras.utils.set_random_seed(seed)
        # The same model again, so that it is traced once; with the weights of a new one.
        model.set_weights(keras.models.clone_model(model).get_weights())
        for variable in model.optimizer.variables:
            variable.assign(keras.ops.zeros_like(variable))
        images = tf.data.Dataset.from_tensor_slices((x, train[1])).shuffle(len(x), seed=seed).repeat().batch(BATCH)
        augmented = augmentation(seed)
        images = images.map(lambda x, y, augmented=augmented: (augmented(x), y)).take(steps)
        model.fit(images, steps_per_epoch=steps, shuffle=False, verbose=0)
        predicted = keras.ops.convert_to_numpy(model(x, training=False)).argmax(-1)
        fitted.append(float((predicted == train[1]).mean()))
        reports.append(
            kax.evaluate(
                model,
                (x_test, y_test),
                explainers=explainers,
                metrics=[kax.metrics.at_size("nissim", 32)],
                epsilons=EPSILONS,
                batch_size=25,
                images=1,
                progress=False,
            )
        )
        print(
            f"{name}, seed {seed}: {fitted[-1]:.0%} of the training images, {reports[-1].clean_accuracy:.0%} of others"
        )
    shapes = {info.name: info.shape for info in kax.list_layers(model)}
    facts = {
        "kind": kind,
        "size": size,
        "parameters": model.count_params(),
        "full": full,
        "fitted": np.mean(fitted),
        "layer": layer,
        "shapes": shapes,
        "convolutions": [layer.name for layer in model.layers if "Conv2D" in type(layer).__name__],
    }
    return facts, reports


def heads(train, test, options):
    """Heads that are trained on the features of a network with ImageNet weights, and the report of each."""
    keras.utils.set_random_seed(0)
    image = layers.Input((224, 224, 1))
    pretrained = kax.pretrained.efficientnet_lite0()
    pretrained.trainable = False
    backbone = keras.Model(pretrained.input, pretrained.get_layer("head_relu6").output, name="backbone")
    pixels = layers.Concatenate()([layers.Rescaling(255)(image)] * 3)
    pooled = layers.GlobalAveragePooling2D()(backbone(pixels, training=False))
    features = keras.Model(image, pooled)
    x, x_test = (resized(images, 224) for images in (train[0], test[0]))
    found = features.predict(x, batch_size=BATCH, verbose=0)
    reports = {}
    for name in options.heads:
        hidden = [layers.Dense(64, activation="relu")] if name == "hidden" else []
        head = keras.Sequential([layers.Input(pooled.shape[1:]), *hidden, layers.Dense(2, activation="softmax")])
        head.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", jit_compile=False)
        head.fit(found, train[1], batch_size=BATCH, epochs=options.epochs, verbose=0)
        reports[name] = kax.evaluate(
            keras.Model(image, head(pooled), name=name),
            (x_test, test[1]),
            metrics=[kax.metrics.at_size("nissim", 32)],
            epsilons=EPSILONS,
            batch_size=10,
            images=1,
            progress=False,
        )
        print(f"{name}: {reports[name].clean_accuracy:.0%}")
    return reports


def comparison(reports):
    """The comparison of all; their images are the same, at other sizes."""
    listed = {name: found if isinstance(found, list) else [found] for name, found in reports.items()}
    count = sum(map(len, listed.values()))
    images = len(next(iter(listed.values()))[0].measurements)
    return Comparison(listed, sources=[np.arange(images)] * count)


if __name__ == "__main__":
    main()
