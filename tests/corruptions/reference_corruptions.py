"""The corruptions of Hendrycks and Dietterich 2019 a second time, slowly: pixel by pixel, or by other libraries.

Each takes an image of 224 pixels `(height, width, channels)` in [0, 1], a severity and the same random numbers.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf
from scipy import ndimage
from skimage import color

PUBLISHED = {
    "gaussian_noise": [0.08, 0.12, 0.18, 0.26, 0.38],
    "shot_noise": [60, 25, 12, 5, 3],
    "impulse_noise": [0.03, 0.06, 0.09, 0.17, 0.27],
    "speckle_noise": [0.15, 0.2, 0.35, 0.45, 0.6],
    "gaussian_blur": [1, 2, 3, 4, 6],
    "defocus_blur": [(3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)],
    "glass_blur": [(0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)],
    "motion_blur": [(10, 3), (15, 5), (15, 8), (15, 12), (20, 15)],
    "zoom_blur": [
        np.linspace(1, 1.1, 11),
        np.linspace(1, 1.15, 16),
        np.linspace(1, 1.2, 11),
        *(np.linspace(1, 1.24, 13), np.linspace(1, 1.3, 11)),
    ],
    "snow": [
        (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
        (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
        (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    ],
    "frost": [(1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)],
    "fog": [(1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)],
    "brightness": [0.1, 0.2, 0.3, 0.4, 0.5],
    "contrast": [0.4, 0.3, 0.2, 0.1, 0.05],
    "elastic_transform": [(244 * 2, 244 * 0.7, 244 * 0.1), (244 * 2, 244 * 0.08, 244 * 0.2)]
    + [(244 * each, 244 * 0.01, 244 * 0.02) for each in (0.05, 0.07, 0.12)],
    "pixelate": [0.6, 0.5, 0.4, 0.3, 0.25],
    "jpeg_compression": [25, 18, 15, 10, 7],
    "saturate": [(0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)],
}


def gaussian_noise(image, c, rng):
    return image + rng.normal(0, 1, image.shape) * c


def shot_noise(image, c, rng):
    return rng.poisson(image * c) / c


def impulse_noise(image, c, rng):
    found = image.copy()
    for place, drawn in np.ndenumerate(rng.random(image.shape)):
        if drawn < c / 2 or drawn > 1 - c / 2:
            found[place] = float(drawn > 0.5)
    return found


def speckle_noise(image, c, rng):
    return image * (1 + rng.normal(0, 1, image.shape) * c)


def smoothed(image, sigma):
    reach = int(4 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    for axis in (0, 1):
        padding = [(reach, reach) if each == axis else (0, 0) for each in range(3)]
        padded = np.pad(image, padding, "edge")
        shifted = [np.take(padded, range(start, start + image.shape[axis]), axis) for start in range(2 * reach + 1)]
        image = np.tensordot(weights / weights.sum(), shifted, 1)
    return image


def gaussian_blur(image, c, rng):
    return smoothed(image, c)


def defocus_blur(image, c, rng):
    """With the published kernel, whose pixels lie in the disk or do not."""
    radius, blur = c
    half = 8 if radius <= 8 else radius
    grid = np.arange(-half, half + 1)
    kernel = np.array([[float(x * x + y * y <= radius * radius) for x in grid] for y in grid])
    kernel = ndimage.gaussian_filter(kernel / kernel.sum(), blur, truncate=(1 if radius <= 8 else 2) / blur)
    return np.stack([ndimage.correlate(channel, kernel, mode="mirror") for channel in image.transpose(2, 0, 1)], -1)


def glass_blur(image, c, rng):
    sigma, reach, times = c
    found = smoothed(image, sigma)
    side = len(image) - 2 * reach
    for _ in range(times):
        steps = rng.integers(-reach, reach, (side, side, 2))
        for first, row in enumerate(range(len(image) - reach, reach, -1)):
            for second, column in enumerate(range(len(image) - reach, reach, -1)):
                right, down = steps[first, second]
                kept = found[row, column].copy()
                found[row, column] = found[row + down, column + right]
                found[row + down, column + right] = kept
    return smoothed(found, sigma)


def smeared(image, radius, sigma, degrees):
    rows, columns = np.indices(image.shape[:2])
    total, weights = np.zeros_like(image), 0.0
    for step in range(2 * radius + 1):
        weight = math.exp(-(step**2) / (2 * sigma**2))
        places = rows + step * math.sin(math.radians(degrees)), columns + step * math.cos(math.radians(degrees))
        total += weight * sampled(image, places, "nearest")
        weights += weight
    return total / weights


def sampled(image, places, mode):
    return np.stack(
        [ndimage.map_coordinates(each, places, order=1, mode=mode) for each in image.transpose(2, 0, 1)], -1
    )


def motion_blur(image, c, rng):
    return smeared(image, *c, rng.uniform(-45, 45))


def enlarged(image, factor):
    middle = (np.array(image.shape[:2]) - 1) / 2
    rows, columns = np.indices(image.shape[:2])
    return sampled(
        image, ((rows - middle[0]) / factor + middle[0], (columns - middle[1]) / factor + middle[1]), "nearest"
    )


def zoom_blur(image, c, rng):
    return sum([image, *(enlarged(image, factor) for factor in c)]) / (len(c) + 1)


def snow(image, c, rng):
    layer = enlarged(rng.normal(c[0], c[1], (*image.shape[:2], 1)), c[2])
    layer[layer < c[3]] = 0
    layer = smeared(np.clip(layer, 0, 1), c[4], c[5], rng.uniform(-135, -45))
    whitened = np.maximum(image, (image @ [0.299, 0.587, 0.114])[..., None] * 1.5 + 0.5)
    return c[6] * image + (1 - c[6]) * whitened + layer + layer[::-1, ::-1]


def clouds(size, decay, rng):
    """Diamond and square, point by point."""
    field, step, amount = np.zeros((size, size)), size, 1.0
    while step >= 2:
        half, starts = step // 2, range(0, size, step)
        for rows, columns, around in (
            (half, half, [(-half, -half), (-half, half), (half, -half), (half, half)]),
            (0, half, [(-half, 0), (half, 0), (0, -half), (0, half)]),
            (half, 0, [(-half, 0), (half, 0), (0, -half), (0, half)]),
        ):
            drawn = rng.uniform(-1, 1, (len(starts), len(starts)))
            for first, row in enumerate(starts):
                for second, column in enumerate(starts):
                    place = row + rows, column + columns
                    known = [field[(place[0] + down) % size, (place[1] + right) % size] for down, right in around]
                    field[place] = sum(known) / 4 + amount * drawn[first, second]
        step, amount = half, amount / decay**2
    return (field - field.min()) / (field.max() - field.min())


def fog(image, c, rng):
    layer = clouds(256, c[1], rng)[: image.shape[0], : image.shape[1], None]
    return (image + c[0] * layer) * image.max() / (image.max() + c[0])


def brightness(image, c, rng):
    parts = color.rgb2hsv(image)
    parts[..., 2] = np.clip(parts[..., 2] + c, 0, 1)
    return color.hsv2rgb(parts)


def saturate(image, c, rng):
    parts = color.rgb2hsv(image)
    parts[..., 1] = np.clip(parts[..., 1] * c[0] + c[1], 0, 1)
    return color.hsv2rgb(parts)


def contrast(image, c, rng):
    return np.stack([channel.mean() * (1 - c) + channel * c for channel in image.transpose(2, 0, 1)], -1)


def elastic_transform(image, c, rng):
    factor, sigma, most = c
    middle, side = len(image) // 2, len(image) // 3
    source = np.array([(middle + side, middle + side), (middle + side, middle - side), (middle - side, middle - side)])
    aim = source + rng.uniform(-most, most, (3, 2))
    # `(column, row)` of the source by that of the result: matrix @ place + shift.
    matrix = (source[1:] - source[0]).T @ np.linalg.inv((aim[1:] - aim[0]).T)
    shift = source[0] - matrix @ aim[0]
    swapped = matrix[::-1, ::-1], shift[::-1]
    image = np.stack(
        [ndimage.affine_transform(each, *swapped, order=1, mode="mirror") for each in image.transpose(2, 0, 1)], -1
    )
    shifts = [ndimage.gaussian_filter(rng.uniform(-1, 1, image.shape[:2]), sigma, truncate=3) * factor for _ in "xy"]
    rows, columns = np.indices(image.shape[:2])
    return sampled(image, (rows + shifts[1], columns + shifts[0]), "reflect")


def pixelate(image, c, rng):
    """A large pixel is the mean of the small ones whose middles lie in it."""
    few = int(len(image) * c)
    inside = np.ceil((np.arange(len(image)) + 0.5) * few / len(image) - 1e-9).astype(int) - 1
    small = np.array(
        [[image[inside == row][:, inside == column].mean((0, 1)) for column in range(few)] for row in range(few)]
    )
    return small[inside][:, inside]


def jpeg_compression(image, c, rng):
    """By TensorFlow's encoder."""
    encoded = tf.io.encode_jpeg(np.round(image * 255).astype("uint8"), quality=c)
    return tf.io.decode_jpeg(encoded, dct_method="INTEGER_ACCURATE").numpy() / 255
