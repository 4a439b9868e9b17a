/** Fetches sheets of pictures, cuts tiles out of them, and makes of these what is shown. */

import { conditionOf, scaleOf } from "./levels.js";
import { adversarial, asHeat, heatChange, overlay, perturbation } from "./pixels.js";

/** @typedef {import("./types.js").View} View */
/** @typedef {import("./types.js").Where} Where */
/** @typedef {import("./pixels.js").Pixels} Pixels */

const MOST_SHEETS = 48; // of 2048 x 2048 pixels at most, each 16 MB

/** What is shown of a sample. */
export const KINDS = {
  original: "original",
  adversarial: "adversarial",
  perturbation: "perturbation × 10",
  before: "heatmap, original",
  after: "heatmap, adversarial",
  change: "change of the heatmap",
};

/** What a picture is called: under a corruption, nothing is adversarial.
 * @param {string} kind One of `KINDS`.
 * @param {View} view */
export function kindText(kind, view) {
  if (view.scale !== "severity") return KINDS[kind];
  return kind === "perturbation" ? "change of the image" : KINDS[kind].replace("adversarial", "corrupted");
}

/**
 * Where a tile lies.
 *
 * @param {Where} where
 * @param {number} place
 */
export function tileAt(where, place) {
  const [height, width] = where.tile;
  const each = where.columns * where.rows;
  const left = place % each;
  return {
    key: where.keys[Math.floor(place / each)],
    x: (left % where.columns) * width,
    y: Math.floor(left / where.columns) * height,
    width,
    height,
  };
}

/**
 * What is told of pictures that were stored smaller than they were measured; nothing where they were not.
 *
 * @param {View} view
 */
export function reducedText(view) {
  const { explainer } = view.state;
  const pictures = view.details?.pictures;
  if (!pictures) return "";
  const full = `${pictures.size[0]} × ${pictures.size[1]}`;
  const small = (/** @type {Where} */ where) => `${where.tile[0]} × ${where.tile[1]}`;
  const said = [];
  if (pictures.images.tile[0] < pictures.size[0] || pictures.images.tile[1] < pictures.size[1]) said.push(`images at ${small(pictures.images)}`);
  const maps = pictures.heatmaps[explainer];
  if (maps?.reduced) said.push(`heatmaps of ${explainer} at ${small(maps)}`);
  return said.length ? `Kept smaller than measured: ${said.join(", ")} of ${full} pixels. Figures are of the full size.` : "";
}

export class Sheets {
  /** @param {(run: string, key: string) => Promise<Blob>} fetchSheet */
  constructor(fetchSheet) {
    this.fetchSheet = fetchSheet;
    /** @type {Map<string, Promise<OffscreenCanvasRenderingContext2D>>} */
    this.known = new Map();
  }

  /** @param {string} run @param {string} key */
  sheet(run, key) {
    const name = `${run}\n${key}`;
    let found = this.known.get(name);
    if (!found) {
      found = this.decode(run, key);
      found.catch(() => this.known.delete(name));
    }
    this.known.delete(name); // the one used last stands last
    this.known.set(name, found);
    if (this.known.size > MOST_SHEETS) this.known.delete(/** @type {string} */ (this.known.keys().next().value));
    return found;
  }

  /** @param {string} run @param {string} key */
  async decode(run, key) {
    // As they are: browsers otherwise fit values to the screen.
    const options = /** @type {ImageBitmapOptions} */ ({ colorSpaceConversion: "none", premultiplyAlpha: "none" });
    const bitmap = await createImageBitmap(await this.fetchSheet(run, key), options);
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    return context;
  }

  /** @param {string} run @param {Where} where @param {number} place @returns {Promise<Pixels>} */
  async tile(run, where, place) {
    const at = tileAt(where, place);
    return (await this.sheet(run, at.key)).getImageData(at.x, at.y, at.width, at.height);
  }

  /**
   * One picture of a sample; null where it was not kept.
   *
   * @param {View} view
   * @param {number} index The place of the image in the data.
   * @param {string} kind One of `KINDS`.
   * @param {{attack?: string, level?: number, explainer?: string}} [of] Another condition than the chosen one.
   * @returns {Promise<Pixels | null>}
   */
  async picture(view, index, kind, of = {}) {
    const pictures = view.details?.pictures;
    const place = pictures ? pictures.indices.indexOf(index) : -1;
    if (!pictures || place < 0) return null;
    const attack = of.attack ?? view.state.attack;
    const level = of.level ?? view.level;
    const explainer = of.explainer ?? view.state.explainer;
    const run = view.run.id;
    if (kind !== "original") this.ask(run, pictures, place, { attack, level, explainer }, kind);
    const original = await this.tile(run, pictures.images, place);
    if (kind === "original") return original;
    if (kind === "adversarial" || kind === "perturbation") {
      const after = await this.after(run, pictures, place, attack, level, original);
      // A corruption changes an image so much that it needs no magnifying.
      return after && kind === "perturbation" ? perturbation(original, after, scaleOf(attack, view.about) === "severity" ? 1 : 10) : after;
    }
    const maps = pictures.heatmaps[explainer];
    if (!maps) return null;
    const heat = async (condition) => asHeat(await this.tile(run, maps, place * maps.conditions + condition), maps.scale);
    const condition = conditionOf(view.about, attack, level);
    if (kind === "before") return overlay(original, await heat(0), view.state.alpha);
    const after = await heat(condition);
    if (kind === "change") return heatChange(await heat(0), after, original.width, original.height);
    const under = (await this.after(run, pictures, place, attack, level, original)) ?? original;
    return overlay(under, after, view.state.alpha);
  }

  /** Asks for the sheets that a picture is made of, so that they come beside one another.
   * @param {string} run @param {import("./types.js").Pictures} pictures @param {number} place
   * @param {{attack: string, level: number, explainer: string}} of @param {string} kind */
  ask(run, pictures, place, { attack, level, explainer }, kind) {
    const change = pictures.attacks[attack]?.[level];
    const where = change?.kind === "scaled" ? pictures.attacks[attack][/** @type {number} */ (change.of)] : change;
    const maps = pictures.heatmaps[explainer];
    const keys = [
      !["before", "change"].includes(kind) && where && tileAt(/** @type {Where} */ (where), place).key,
      !["adversarial", "perturbation"].includes(kind) && maps && tileAt(maps, place * maps.conditions).key,
    ];
    for (const key of keys) if (key) this.sheet(run, key).catch(() => null);
  }

  /** The adversarial image itself.
   * @param {string} run @param {import("./types.js").Pictures} pictures @param {number} place
   * @param {string} attack @param {number} level @param {Pixels} original */
  async after(run, pictures, place, attack, level, original) {
    const change = pictures.attacks[attack]?.[level];
    if (!change) return null;
    const where = change.kind === "scaled" ? pictures.attacks[attack][/** @type {number} */ (change.of)] : change;
    if (!where) return null;
    let stored = await this.tile(run, /** @type {Where} */ (where), place);
    if (change.kind === "scaled" && where.kind === "image") {
      // Only the signs matter.
      stored = { ...stored, data: stored.data.map((value, i) => (i % 4 === 3 ? 255 : 128 + value - original.data[i])) };
    }
    return adversarial(original, stored, change.kind, change.step);
  }
}

/**
 * A canvas that shows a picture when it is there, and says so where none was kept.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Promise<Pixels | null>} coming
 */
export async function show(canvas, coming) {
  const turn = (Number(canvas.dataset.turn) || 0) + 1;
  canvas.dataset.turn = String(turn); // what comes late must not replace what was asked for since
  const pixels = await coming.catch(() => null);
  if (canvas.dataset.turn !== String(turn)) return;
  canvas.dataset.state = pixels ? "shown" : "missing";
  if (!pixels) {
    canvas.width = canvas.height = 1;
    return;
  }
  canvas.width = pixels.width;
  canvas.height = pixels.height;
  canvas.dataset.small = String(Math.max(pixels.width, pixels.height) <= 96);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.putImageData(new ImageData(new Uint8ClampedArray(pixels.data), pixels.width, pixels.height), 0, 0);
}
