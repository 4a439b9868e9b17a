/** Arithmetic on pixels: everything that turns a stored picture into one that is shown. */

/** @typedef {{width: number, height: number, data: Uint8ClampedArray}} Pixels RGBA. */
/** @typedef {{width: number, height: number, data: Float32Array}} Heat Values from 0 up. */

export const MIDDLE = 128;

/** Viridis, at ten places from 0 to 1: ordered by brightness, for all kinds of eyes. */
const VIRIDIS = [
  [68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121],
  [110, 206, 88], [181, 222, 43], [253, 231, 37],
];
/** Blue, white, red. */
const CHANGE = [
  [5, 48, 97], [33, 102, 172], [67, 147, 195], [146, 197, 222], [209, 229, 240], [247, 247, 247], [253, 219, 199],
  [244, 165, 130], [214, 96, 77], [178, 24, 43], [103, 0, 31],
];

/** @param {number[][]} stops */
function table(stops) {
  const found = new Uint8ClampedArray(256 * 3);
  for (let step = 0; step < 256; step++) {
    const place = (step / 255) * (stops.length - 1);
    const low = Math.min(stops.length - 2, Math.floor(place));
    for (let c = 0; c < 3; c++) {
      found[3 * step + c] = stops[low][c] + (place - low) * (stops[low + 1][c] - stops[low][c]);
    }
  }
  return found;
}

export const HEAT_COLORS = table(VIRIDIS);
export const CHANGE_COLORS = table(CHANGE);

/**
 * A map at another size, linear with half-pixel centres, as TensorFlow resizes it.
 *
 * @param {Heat} map
 * @param {number} width
 * @param {number} height
 * @returns {Heat}
 */
export function resized(map, width, height) {
  const data = new Float32Array(width * height);
  const along = (count, of) =>
    Array.from({ length: count }, (_, i) => {
      const place = Math.min(of - 1, Math.max(0, ((i + 0.5) * of) / count - 0.5));
      const low = Math.floor(place);
      return [low, Math.min(of - 1, low + 1), place - low];
    });
  const columns = along(width, map.width);
  along(height, map.height).forEach(([top, bottom, down], y) => {
    columns.forEach(([left, right, across], x) => {
      const at = (row, column) => map.data[row * map.width + column];
      const above = at(top, left) * (1 - across) + at(top, right) * across;
      const below = at(bottom, left) * (1 - across) + at(bottom, right) * across;
      data[y * width + x] = above * (1 - down) + below * down;
    });
  });
  return { width, height, data };
}

/**
 * A tile of a gray sheet as heat.
 *
 * @param {Pixels} tile
 * @param {number} scale What white stands for.
 * @returns {Heat}
 */
export function asHeat(tile, scale) {
  const data = new Float32Array(tile.width * tile.height);
  for (let i = 0; i < data.length; i++) data[i] = (tile.data[4 * i] / 255) * scale;
  return { width: tile.width, height: tile.height, data };
}

/** @param {number} width @param {number} height @returns {Pixels} */
function blank(width, height) {
  return { width, height, data: new Uint8ClampedArray(4 * width * height).fill(255) };
}

/**
 * Heat laid over an image, which loses its colours, so that whatever is coloured is heat. The opacity grows with the
 * square root of the heat: where there is none, the image shows as it is.
 *
 * @param {Pixels} image
 * @param {Heat} heat Of any size.
 * @param {number} alpha
 * @returns {Pixels}
 */
export function overlay(image, heat, alpha) {
  const { width, height } = image;
  const shown = resized(heat, width, height).data;
  const found = blank(width, height);
  for (let i = 0; i < shown.length; i++) {
    const value = Math.min(1, Math.max(0, shown[i]));
    const color = 3 * Math.round(255 * value);
    const share = alpha * Math.sqrt(value);
    const gray = 0.2126 * image.data[4 * i] + 0.7152 * image.data[4 * i + 1] + 0.0722 * image.data[4 * i + 2];
    for (let c = 0; c < 3; c++) found.data[4 * i + c] = (1 - share) * gray + share * HEAT_COLORS[color + c];
  }
  return found;
}

/**
 * How heat changed: red where there is more, blue where there is less.
 *
 * @param {Heat} before
 * @param {Heat} after
 * @param {number} width
 * @param {number} height
 * @returns {Pixels}
 */
export function heatChange(before, after, width, height) {
  const [first, second] = [resized(before, width, height).data, resized(after, width, height).data];
  const found = blank(width, height);
  for (let i = 0; i < first.length; i++) {
    const value = Math.min(1, Math.max(-1, second[i] - first[i]));
    const color = 3 * Math.round((255 * (value + 1)) / 2);
    for (let c = 0; c < 3; c++) found.data[4 * i + c] = CHANGE_COLORS[color + c];
  }
  return found;
}

/**
 * The adversarial image: the original and a stored difference, or a step along the signs of one.
 *
 * @param {Pixels} image
 * @param {Pixels} stored
 * @param {string} kind `difference`, `image` or `scaled`.
 * @param {number} [step] Of `scaled`, how far.
 * @returns {Pixels}
 */
export function adversarial(image, stored, kind, step = 0) {
  if (kind === "image") return stored;
  const found = blank(image.width, image.height);
  for (let i = 0; i < found.data.length; i++) {
    if (i % 4 === 3) continue;
    const difference = stored.data[i] - MIDDLE;
    found.data[i] = image.data[i] + (kind === "scaled" ? Math.sign(difference) * step : difference);
  }
  return found;
}

/**
 * What was added to an image, times ten around a middle gray.
 *
 * @param {Pixels} image
 * @param {Pixels} after
 * @returns {Pixels}
 */
export function perturbation(image, after, times = 10) {
  const found = blank(image.width, image.height);
  for (let i = 0; i < found.data.length; i++) {
    if (i % 4 !== 3) found.data[i] = MIDDLE + times * (after.data[i] - image.data[i]);
  }
  return found;
}
