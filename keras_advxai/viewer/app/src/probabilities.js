/** The probabilities of a sample as small bars: of the original in gray, of the adversarial image in its attack's colour. */

import { h } from "./dom.js";
import { className, percent } from "./text.js";

/** @typedef {import("./types.js").Details} Details */
/** @typedef {import("./types.js").Likely} Likely */

const MOST = 5;

/**
 * The probabilities of a sample under one condition.
 *
 * @param {Details | null} details
 * @param {number} index The place of the image in the data.
 * @param {string} attack
 * @param {number} level
 * @returns {Likely[] | null} Null where none were kept: of samples without pictures, of regressions, in older logs.
 */
export function likely(details, index, attack, level) {
  const place = details?.pictures?.indices.indexOf(index) ?? -1;
  return details?.probabilities?.attacks[attack]?.[level]?.[place] ?? null;
}

/** The label of a sample, or its labels. @param {Details | null} details @param {number} index @returns {number[]} */
export function labelsOf(details, index) {
  const place = details?.pictures?.indices.indexOf(index) ?? -1;
  return details?.probabilities?.true[place] ?? [];
}

/** The probabilities of the original, of all classes that are known under some conditions.
 * @param {(Likely[] | null)[]} conditions
 * @returns {Likely[] | null} */
export function ofOriginal(conditions) {
  const found = new Map(conditions.flatMap((rows) => (rows ?? []).map(([index, before]) => [index, before])));
  return found.size ? [...found].map(([index, before]) => [index, before, null]) : null;
}

/**
 * The classes that are shown beside one another, the same under all conditions: the most probable ones under any, and
 * the label.
 *
 * @param {(Likely[] | null)[]} conditions
 * @param {number[]} labels
 */
export function shownClasses(conditions, labels) {
  /** @type {Map<number, number>} */
  const largest = new Map();
  for (const [index, before, after] of conditions.flatMap((rows) => rows ?? [])) {
    largest.set(index, Math.max(largest.get(index) ?? 0, before ?? 0, after ?? 0));
  }
  const sorted = [...largest.keys()].sort((a, b) => Number(largest.get(b)) - Number(largest.get(a)) || a - b);
  const first = sorted.slice(0, MOST);
  return [...first, ...labels.filter((index) => largest.has(index) && !first.includes(index))];
}

/**
 * A line for each class: its name, its probabilities, and a bar for each.
 *
 * @param {Likely[] | null} rows
 * @param {number[]} classes
 * @param {{about: import("./types.js").About, labels: number[], color: string | null}} how Without a colour, the
 *   original's alone.
 */
export function bars(rows, classes, { about, labels, color }) {
  if (!classes.length || !rows) return h("span.likely");
  const known = new Map(rows.map((row) => [row[0], row]));
  return h("span.likely", {}, ...classes.map((index) => {
    const [, before = null, after = null] = known.get(index) ?? [];
    const name = className(index, about);
    const isLabel = labels.includes(index);
    // Of hundreds of classes, those that are not among the first were not kept.
    const text = !known.has(index) ? "–" : color ? `${percent(before, 0)} → ${percent(after, 0)}` : percent(before, 0);
    const bar = (value, fill) => h("span.bar", { style: { width: `${100 * Math.min(1, Math.max(0, value ?? 0))}%`, background: fill } });
    return h("span.class", { title: `${name}${isLabel ? ", the label" : ""}: ${text}` },
      h(isLabel ? "strong.name" : "span.name", { text: name }), h("span.value", { text }),
      bar(before, "var(--noise)"), color ? bar(after, color) : null);
  }));
}
