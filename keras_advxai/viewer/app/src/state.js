/** What the user has chosen, and how it is written into an address. */

import { driftOf, targets, usual } from "./explainers.js";
import { levelsOn, nearest, same, scaleOf, SCALES } from "./levels.js";

/** @typedef {import("./types.js").State} State */
/** @typedef {import("./types.js").About} About */

export const SORTS = { pictures: "pictures, most moved", drift: "most moved first", steady: "least moved first", confidence: "confidence", index: "order of the data", name: "file name" };
export const FILTERS = { all: "all", flipped: "flipped", kept: "kept", moved: "kept, but moved" };
export const VIEWS = { side: "side by side", wipe: "wipe", blink: "blink" };

/** @returns {State} */
export function initial() {
  return {
    run: "", step: null, attack: "", explainer: "", metric: "", target: "", epsilon: null, severity: null,
    sort: "pictures", filter: "all", label: null, view: "side", alpha: 0.8,
    sample: null, pin: null, low: null, high: null, flip: "", wipe: 0.5,
  };
}

const NUMBERS = ["step", "epsilon", "severity", "label", "alpha", "sample", "pin", "low", "high", "wipe"];
const TEXTS = ["run", "attack", "explainer", "metric", "target", "sort", "filter", "view", "flip"];

/**
 * The part of an address that says what is chosen; what is as it is in the beginning is left out.
 *
 * @param {State} state
 * @returns {string} Such as `attack=fgsm&epsilon=0.1`.
 */
export function encode(state) {
  const start = initial();
  return [...TEXTS, ...NUMBERS]
    .filter((key) => state[key] !== start[key] && state[key] !== null && state[key] !== undefined)
    .map((key) => `${key}=${encodeURIComponent(toWellFormed(String(state[key])))}`)
    .join("&");
}

/**
 * What an address says; what it does not say, or says wrongly, is as in the beginning.
 *
 * @param {string} hash
 * @returns {State}
 */
export function decode(hash) {
  const state = initial();
  for (const part of String(hash).replace(/^#/, "").split("&")) {
    const place = part.indexOf("=");
    const key = part.slice(0, place);
    if (place < 0 || !(NUMBERS.includes(key) || TEXTS.includes(key))) continue;
    let text;
    try {
      text = decodeURIComponent(part.slice(place + 1));
    } catch {
      continue; // a lone percent sign
    }
    if (TEXTS.includes(key)) state[key] = text;
    else if (text.trim() !== "" && Number.isFinite(Number(text))) state[key] = Number(text);
  }
  for (const [key, known] of Object.entries({ sort: SORTS, filter: FILTERS, view: VIEWS })) if (!Object.hasOwn(known, state[key])) state[key] = initial()[key];
  for (const share of ["alpha", "wipe"]) state[share] = Math.min(1, Math.max(0, state[share]));
  if (!/^-?\d+--?\d+$/.test(state.flip)) state.flip = "";
  return state;
}

/**
 * The same choice where what was chosen is not there: the strongest attack, the first explainer, the epsilon that tells
 * most, the largest severity, the report's own target.
 *
 * @param {State} state
 * @param {About} about
 * @param {import("./types.js").Figures} figures
 * @returns {State}
 */
export function fitted(state, about, figures) {
  const names = (/** @type {{name: string}[]} */ items) => items.map((item) => item.name);
  const has = (items, name) => names(items).includes(name);
  const found = {
    ...state,
    attack: has(about.attacks, state.attack) ? state.attack : strongest(about, figures),
    explainer: has(about.explainers, state.explainer) ? state.explainer : usual(about),
    metric: has(about.metrics, state.metric) ? state.metric : (about.metrics[0]?.name ?? ""),
    epsilon: null,
    severity: about.severities[nearest(state.severity, about.severities)]?.value ?? null,
  };
  const isMeasured = targets(about, figures, found).slice(1).includes(state.target);
  const chosen = { ...found, target: isMeasured ? state.target : "" };
  const place = state.epsilon === null ? telling(chosen, about, figures) : nearest(state.epsilon, about.epsilons);
  return { ...chosen, epsilon: about.epsilons[place]?.value ?? null };
}

/**
 * The attack that the page opens with: the one that leaves the least accuracy at the largest epsilon, or changes a
 * regression most, so that the first line is not that of a weak attack; of as strong ones, the first. Where there are
 * no attacks but noise, the first corruption.
 *
 * @param {About} about
 * @param {import("./types.js").Figures} figures
 */
export function strongest(about, figures) {
  const largest = nearest(null, about.epsilons);
  const left = (name) => {
    const { accuracy, mean_change } = figures.attacks?.[name] ?? {};
    const value = about.task === "regression" ? -Number(mean_change?.[largest]) : Number(accuracy?.[largest] ?? NaN);
    return Number.isNaN(value) ? Infinity : value;
  };
  const attacks = about.attacks.filter((attack) => attack.aim !== "noise" && attack.aim !== "corruption");
  const corruption = about.attacks.find((attack) => attack.aim === "corruption") ?? about.attacks[0];
  if (!attacks.length) return corruption?.name ?? "";
  return attacks.reduce((best, attack) => (left(attack.name) < left(best.name) ? attack : best)).name;
}

/**
 * The place of the epsilon that tells most of the chosen attack: where its MOD is furthest above that of its noise. At
 * the largest, noise may move heatmaps as far as chance. Without a control it is the middle one, and where there are
 * no heatmaps the largest.
 *
 * @param {State} state
 * @param {About} about
 * @param {import("./types.js").Figures} figures
 */
export function telling(state, about, figures) {
  const { epsilons, attacks } = about;
  const sorted = [...epsilons.keys()].sort((a, b) => epsilons[a].value - epsilons[b].value);
  const mods = driftOf(figures, state)?.attacks[state.attack]?.mod;
  if (!mods || scaleOf(state.attack, about) === "severity") return sorted[sorted.length - 1] ?? 0;
  const noise = attacks.find((item) => item.name === state.attack)?.noise;
  const control = noise ? driftOf(figures, state)?.attacks[noise]?.mod : null;
  const known = control ? sorted.filter((place) => typeof mods[place] === "number" && typeof control[place] === "number") : [];
  const above = (place) => Number(mods[place]) - Number(control?.[place]);
  if (known.length) return known.reduce((best, place) => (above(place) > above(best) ? place : best));
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/**
 * What was asked for and is not there, in one line; nothing where all of it is.
 *
 * @param {State} asked As an address says it.
 * @param {State} shown What is shown for it, its step that of the epoch.
 * @param {About} about
 * @returns {string} Such as `Not found: attack pgd (shown: fgsm).`.
 */
export function missing(asked, shown, about) {
  const said = [];
  for (const key of ["run", "attack", "explainer", "metric", "target"]) {
    if (asked[key] && asked[key] !== shown[key] && !(key === "target" && asked[key] === about.target)) said.push([key === "metric" ? "dissimilarity" : key, asked[key], shown[key] || about[key]]);
  }
  for (const scale of SCALES) {
    const [value, levels] = [asked[scale], levelsOn(scale, about)];
    if (value !== null && same(value, levels) < 0) said.push([scale, value, levels.find((item) => item.value === shown[scale])?.text ?? "none"]);
  }
  if (asked.step !== null && asked.step !== shown.step) said.push(["epoch", asked.step + 1, Number(shown.step) + 1]);
  return said.length ? `Not found: ${said.map(([what, name, other]) => `${what} ${name} (shown: ${other})`).join(", ")}.` : "";
}

/** Texts with halves of characters cannot be written into an address.
 * @param {string} text */
function toWellFormed(text) {
  return text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd");
}
