/** Which samples are shown, in which order, and what is counted of them. */

import { dissimilarities, driftOf } from "./explainers.js";
import { levelsOf, scaleOf } from "./levels.js";
import { className } from "./text.js";

/** @typedef {import("./types.js").View} View */
/** @typedef {import("./types.js").Samples} Samples */

/**
 * The dissimilarities of all listed images under the chosen condition.
 *
 * @param {View} view
 * @returns {(number | null)[]}
 */
export function movedBy(view, attack = view.state.attack, level = view.level) {
  const samples = view.details?.samples;
  return dissimilarities(samples, view.state)?.[attack]?.[level] ?? samples?.index.map(() => null) ?? [];
}

/** From which dissimilarity on a heatmap counts as moved: half of chance.
 * @param {View} view */
export function movedLimit(view) {
  const chance = driftOf(view.figures, view.state)?.chance;
  return chance === null || chance === undefined ? null : chance / 2;
}

/**
 * The rows of the samples that are shown, in their order.
 *
 * @param {View} view
 * @returns {number[]}
 */
export function chosen(view) {
  const samples = view.details?.samples;
  if (!samples) return [];
  const { state, level } = view;
  const moved = movedBy(view);
  const flipped = samples.flipped[state.attack]?.[level] ?? [];
  const limit = movedLimit(view);
  const drawn = new Set(view.details?.pictures?.indices ?? []);
  const classes = samples.label ?? samples.prediction;
  const rows = samples.index.map((_, row) => row).filter((row) => {
    if (state.filter === "flipped" && !flipped[row]) return false;
    if (state.filter === "kept" && flipped[row]) return false;
    if (state.filter === "moved" && (flipped[row] || limit === null || !(Number(moved[row] ?? -1) > limit))) return false;
    if (state.flip && (flipped[row] ? `${samples.prediction[row]}-${samples.predictions[state.attack][level][row]}` : "") !== state.flip) return false;
    if (state.label !== null && classes[row] !== state.label) return false;
    if (state.low !== null && !(Number(moved[row] ?? -1) >= state.low)) return false;
    if (state.high !== null && !(Number(moved[row] ?? Infinity) <= state.high)) return false;
    return true;
  });
  const confidences = samples.confidences[state.attack]?.[level] ?? [];
  const unknown = (value, high) => (value === null || value === undefined ? (high ? -Infinity : Infinity) : value);
  const orders = {
    drift: (a, b) => unknown(moved[b], true) - unknown(moved[a], true),
    steady: (a, b) => unknown(moved[a], false) - unknown(moved[b], false),
    confidence: (a, b) => unknown(confidences[b], true) - unknown(confidences[a], true),
    index: (a, b) => a - b,
    name: (a, b) => (samples.name?.[a] ?? "").localeCompare(samples.name?.[b] ?? "", "en", { numeric: true }),
  };
  // Among thousands, sixteen with pictures would never be found: by this order they come first.
  const has = (row) => (state.sort === "pictures" && !drawn.has(samples.index[row]) ? 1 : 0);
  const order = orders[state.sort] ?? orders.drift;
  return rows.sort((a, b) => has(a) - has(b) || order(a, b) || a - b);
}

/**
 * How often each class became which other one.
 *
 * @param {View} view
 * @returns {{from: number, to: number, count: number, label: string}[]} The most frequent first.
 */
export function flips(view) {
  const samples = view.details?.samples;
  const after = samples?.predictions[view.state.attack]?.[view.level];
  if (!samples || !after || view.about.task !== "classification") return [];
  const counts = new Map();
  samples.prediction.forEach((from, row) => {
    const to = after[row];
    if (from === to) return;
    const key = `${from} ${to}`;
    const label = `${className(from, view.about)} → ${className(to, view.about)}`;
    const known = counts.get(key) ?? { from, to, count: 0, label };
    known.count += 1;
    counts.set(key, known);
  });
  return [...counts.values()].sort((a, b) => b.count - a.count || a.label.localeCompare(b.label));
}

/**
 * A row of a sample under every condition, as lines of comma-separated values.
 *
 * @param {View} view
 * @param {number} row
 */
export function asCsv(view, row) {
  const { about, details } = view;
  const samples = /** @type {Samples} */ (details?.samples);
  const kinds = about.metrics.flatMap((metric) => about.explainers.map((item) => [metric.name, item.name]));
  const isCorrupted = about.severities.length > 0;
  const level = (epsilon, severity) => (isCorrupted ? [epsilon, severity] : [epsilon]);
  const own = [samples.index[row], samples.name?.[row] ?? ""];
  const lines = [
    ["index", "name", "attack", ...level("epsilon", "severity"), "prediction", "confidence", ...kinds.map(([metric, name]) => `dissimilarity (${metric}), ${name}`)],
    [...own, "", ...level("", ""), className(samples.prediction[row], about), samples.confidence[row] ?? "", ...kinds.map(() => "")],
  ];
  for (const attack of about.attacks) {
    levelsOf(attack.name, about).forEach(({ value }, place) => {
      const apart = kinds.map(([metric, name]) => samples.dissimilarity[metric]?.[name]?.[attack.name]?.[place]?.[row] ?? "");
      const said = [className(samples.predictions[attack.name][place][row], about), samples.confidences[attack.name][place][row] ?? ""];
      const at = scaleOf(attack.name, about) === "severity" ? level("", value) : level(value, "");
      lines.push([...own, attack.name, ...at, ...said, ...apart]);
    });
  }
  return `${lines.map((line) => line.map(String).map(quoted).join(",")).join("\r\n")}\r\n`;
}

/** A text with commas, quotes or a sign that a spreadsheet computes, in quotes.
 * @param {string} text */
function quoted(text) {
  const safe = /^[=+\-@\t]/.test(text) && !/^-?\d/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
