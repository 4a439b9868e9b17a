/** Epsilons of attacks and severities of corruptions: two scales, of which an attack has one. */

/** @typedef {import("./types.js").About} About */
/** @typedef {import("./types.js").Level} Level */
/** @typedef {import("./types.js").Scale} Scale */

/** @type {Scale[]} */
export const SCALES = ["epsilon", "severity"];

/** What an attack has: an epsilon, or as a corruption a severity.
 * @param {string} name
 * @param {About} about
 * @returns {Scale} */
export function scaleOf(name, about) {
  return about.attacks.find((item) => item.name === name)?.aim === "corruption" ? "severity" : "epsilon";
}

/** All levels of a scale, as they were given.
 * @param {Scale} scale
 * @param {About} about
 * @returns {Level[]} */
export function levelsOn(scale, about) {
  return scale === "severity" ? about.severities : about.epsilons;
}

/** The levels of an attack.
 * @param {string} name
 * @param {About} about */
export function levelsOf(name, about) {
  return levelsOn(scaleOf(name, about), about);
}

/** The attacks or the corruptions.
 * @param {Scale} scale
 * @param {About} about */
export function attacksOn(scale, about) {
  return about.attacks.filter((item) => (item.aim === "corruption") === (scale === "severity"));
}

/**
 * The place of the level that is nearest to a number; of the largest for none.
 *
 * @param {number | null} value
 * @param {Level[]} levels
 */
export function nearest(value, levels) {
  const values = levels.map((item) => item.value);
  const wanted = value === null ? Math.max(...values) : value;
  let best = 0;
  values.forEach((item, place) => {
    if (Math.abs(item - wanted) < Math.abs(values[best] - wanted)) best = place;
  });
  return best;
}

/**
 * The place of the same level in other levels; -1 where they have it not. The same epsilon may have been rounded.
 *
 * @param {number} value
 * @param {Level[]} levels
 */
export function same(value, levels) {
  const place = levels.length ? nearest(value, levels) : -1;
  return place >= 0 && Math.abs(levels[place].value - value) <= 1e-4 * Math.abs(value) ? place : -1;
}

/** The place of a condition among the heatmaps of an image: the original, then each attack at each level.
 * @param {About} about
 * @param {string} name
 * @param {number} level */
export function conditionOf(about, name, level) {
  const before = about.attacks.slice(0, about.attacks.findIndex((item) => item.name === name));
  return 1 + before.reduce((sum, item) => sum + levelsOf(item.name, about).length, 0) + level;
}

/** `epsilon 8/255`, `severity 3`.
 * @param {string} name
 * @param {About} about
 * @param {number} level */
export function levelText(name, about, level) {
  const scale = scaleOf(name, about);
  return `${scale} ${levelsOn(scale, about)[level]?.text ?? ""}`;
}
