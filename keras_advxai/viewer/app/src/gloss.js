/** Words that are short for something, and what they are short for. */

import { h } from "./dom.js";

export const WORDS = {
  MOD: "Mean of the dissimilarities: how far apart the heatmaps of an image and of its changed version are, on average over the images.",
  NISSIM: "Normalised inverted structural similarity of two heatmaps: (1 − SSIM) / 2, which is 0 where they are the same.",
  VID: "Variation in dissimilarity: the standard deviation of MOD over the epsilons or severities.",
  flipped: "The model predicts another class than the one it predicted for the original, whether that was right or not.",
};

const EACH = new RegExp(`\\b(${Object.keys(WORDS).join("|")})\\b`);

/**
 * A text in parts: each word that has a meaning above by itself, where it appears first.
 *
 * @param {string} text
 * @returns {{text: string, title: string}[]} Of what is not explained, the title is empty.
 */
export function parts(text) {
  const seen = new Set();
  const found = [];
  for (const part of text.split(EACH)) {
    const isFirst = Object.hasOwn(WORDS, part) && !seen.has(part);
    if (isFirst) seen.add(part);
    if (part) found.push({ text: part, title: isFirst ? WORDS[part] : "" });
  }
  return found;
}

/** A text whose words say what they mean. @param {string} text @returns {(Node | string)[]} */
export function glossed(text) {
  return parts(text).map((part) => (part.title ? h("abbr", part) : part.text));
}
