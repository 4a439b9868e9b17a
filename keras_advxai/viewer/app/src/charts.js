/** The charts, drawn by Observable Plot. Every mark can be clicked to choose what it stands for. */

import * as Plot from "@observablehq/plot";
import { brush, card, driftAxis, epochAxis, epsilonAxis, lines, plot, SHARES } from "./chart_parts.js";
import { color, dashes } from "./colors.js";
import { fill, h } from "./dom.js";
import { flips, movedBy, movedLimit } from "./select.js";
import { counted, number, percent } from "./text.js";

/** @typedef {import("./types.js").View} View */
/** @typedef {import("./chart_parts.js").Point} Point */
/** @typedef {import("./chart_parts.js").Line} Line */

const MOST_FLIPS = 8;

/** Lines of the same kind for each attack, over epsilons.
 * @param {View} view
 * @param {(attack: string) => {y: (number | null)[], low?: (number | null)[], high?: (number | null)[]}} of
 * @param {number | null} atZero What stands at epsilon 0.
 * @param {(value: number | null) => string} text
 * @returns {Line[]} */
function overEpsilons(view, of, atZero, text) {
  const { about } = view;
  return about.attacks.map((attack) => {
    const found = of(attack.name);
    const isChosen = attack.name === view.state.attack;
    const points = /** @type {Point[]} */ (about.epsilons.map((epsilon, place) => ({
      x: epsilon.value, y: found.y[place], low: found.low?.[place], high: found.high?.[place], name: attack.name,
      title: `${attack.name}, epsilon ${epsilon.text}\n${text(found.y[place])}${range(found, place, text)}`,
      pick: { attack: attack.name, epsilon: epsilon.value },
    }))).sort((a, b) => a.x - b.x);
    if (atZero !== null && !about.epsilons.some((item) => item.value === 0)) {
      points.unshift({ x: 0, y: atZero, low: atZero, high: atZero, name: attack.name, title: `no attack\n${text(atZero)}`, pick: { attack: attack.name } });
    }
    return { name: attack.name, color: color(attack.name, about), dash: dashes(attack.name, about), width: isChosen ? 2.5 : 1.8, points };
  });
}

function range(found, place, text) {
  const [low, high] = [found.low?.[place], found.high?.[place]];
  return low === null || low === undefined ? "" : ` (95 %: ${text(low)} to ${text(high)})`;
}

/** The same figure of other runs, thin and pale, for the chosen attack.
 * @param {View} view
 * @param {(step: import("./types.js").Step) => (number | null)[] | undefined} of
 * @param {(value: number | null) => string} text
 * @returns {Line[]} */
function otherRuns(view, of, text) {
  return view.others.map(({ run, steps }, place) => {
    const last = steps[steps.length - 1];
    const values = of(last) ?? [];
    const points = last.overview.about.epsilons.map((epsilon, level) => ({
      x: epsilon.value, y: values[level] ?? null, name: run.name, title: `${run.name}, epsilon ${epsilon.text}\n${text(values[level] ?? null)}`,
      pick: { run: run.id, epsilon: epsilon.value },
    }));
    return { name: run.name, color: color(view.state.attack, view.about), dash: ["2 3", "8 3", "8 3 2 3"][place % 3], width: 1.2, opacity: 0.75, points };
  });
}

/** @param {View} view @param {number} width @param {(pick: object) => void} onpick */
function accuracyOverEpsilon(view, width, onpick) {
  if (view.about.task === "regression") return null;
  const drawn = lines({
    lines: [
      ...otherRuns(view, (step) => step.overview.figures.attacks[view.state.attack]?.accuracy, percent),
      ...overEpsilons(view, (attack) => {
        const found = view.figures.attacks[attack];
        return { y: found.accuracy, low: found.low, high: found.high };
      }, view.figures.clean.accuracy, percent),
    ],
    levels: [], x: epsilonAxis(view.about.epsilons), y: SHARES, at: view.about.epsilons[view.level].value, width, onpick,
  });
  return card("Accuracy by epsilon", "Share of images that are right; bands: 95 % intervals.", drawn);
}

/** @param {View} view @param {number} width @param {(pick: object) => void} onpick */
function driftOverEpsilon(view, width, onpick) {
  const found = view.figures.drift[view.state.metric]?.[view.state.explainer];
  if (!found) return null;
  const others = (step) => step.overview.figures.drift[view.state.metric]?.[view.state.explainer]?.attacks[view.state.attack]?.mod;
  const shown = [
    ...otherRuns(view, others, number),
    ...overEpsilons(view, (attack) => {
      const of = found.attacks[attack];
      return { y: of.mod, low: of.mod_low, high: of.mod_high };
    }, 0, number),
  ];
  const drawn = lines({
    lines: shown, levels: [{ y: found.chance, name: "chance" }], x: epsilonAxis(view.about.epsilons),
    y: driftAxis([found.chance, ...shown.flatMap((line) => line.points.map((point) => point.high ?? point.y))]),
    at: view.about.epsilons[view.level].value, width, onpick,
  });
  return card("Drift of explanations by epsilon", "Mean dissimilarity of the heatmaps (MOD).", drawn);
}

/** One value of each epoch.
 * @param {View} view
 * @param {string} attack
 * @param {(step: import("./types.js").Step) => {y: number | null | undefined, low?: number | null, high?: number | null}} of
 * @param {(value: number | null) => string} text */
function overEpochs(view, attack, of, text, steps = view.steps, run = view.run) {
  return steps.map((step) => {
    const found = of(step);
    const y = found.y ?? null;
    return { x: step.step, y, low: found.low ?? null, high: found.high ?? null, name: attack, title: `${attack}, epoch ${step.step + 1}\n${text(y)}`, pick: { attack, step: step.step, run: run.id } };
  });
}

/** @param {View} view @param {number} width @param {(pick: object) => void} onpick */
function accuracyOverEpoch(view, width, onpick) {
  if (view.steps.length < 2 || view.about.task === "regression") return null;
  const clean = overEpochs(view, view.state.attack, (step) => ({ y: step.overview.figures.clean.accuracy }), percent);
  const shown = view.about.attacks.map((attack) => ({
    name: attack.name, color: color(attack.name, view.about), dash: dashes(attack.name, view.about), width: attack.name === view.state.attack ? 2.5 : 1.8,
    points: overEpochs(view, attack.name, (step) => {
      const found = step.overview.figures.attacks[attack.name];
      return { y: found?.accuracy[view.level], low: found?.low[view.level], high: found?.high[view.level] };
    }, percent),
  }));
  const drawn = lines({
    lines: [{ name: "clean", color: "var(--ink)", dash: null, width: 1.2, points: clean.map((p) => ({ ...p, title: `clean, epoch ${p.x + 1}\n${percent(p.y)}` })) }, ...shown],
    levels: [], x: epochAxis(view.steps), y: SHARES, at: view.step.step, width, onpick,
  });
  return card("Accuracy by epoch", `Thin: on the original images. Else at epsilon ${view.about.epsilons[view.level].text}.`, drawn);
}

/** @param {View} view @param {number} width @param {(pick: object) => void} onpick */
function driftOverEpoch(view, width, onpick) {
  const { metric, explainer } = view.state;
  if (view.steps.length < 2 || !view.figures.drift[metric]?.[explainer]) return null;
  const shown = view.about.attacks.map((attack) => ({
    name: attack.name, color: color(attack.name, view.about), dash: dashes(attack.name, view.about), width: attack.name === view.state.attack ? 2.5 : 1.8,
    points: overEpochs(view, attack.name, (step) => {
      const found = step.overview.figures.drift[metric]?.[explainer]?.attacks[attack.name];
      return { y: found?.mod[view.level], low: found?.mod_low[view.level], high: found?.mod_high[view.level] };
    }, number),
  }));
  const chance = overEpochs(view, view.state.attack, (step) => ({ y: step.overview.figures.drift[metric]?.[explainer]?.chance }), number)
    .map((p) => ({ ...p, title: `chance, epoch ${p.x + 1}\n${number(p.y)}` }));
  const all = [...shown.flatMap((line) => line.points.map((p) => p.high ?? p.y)), ...chance.map((p) => p.y)];
  const drawn = lines({
    lines: [{ name: "chance", color: "var(--ink-soft)", dash: "1 3", width: 1.2, points: chance }, ...shown],
    levels: [], x: epochAxis(view.steps), y: driftAxis(all), at: view.step.step, width, onpick,
  });
  return card("Drift of explanations by epoch", `At epsilon ${view.about.epsilons[view.level].text}; dotted: chance.`, drawn);
}

/** @param {View} view @param {number} width @param {(pick: object) => void} onpick */
function split(view, width, onpick) {
  const found = view.figures.drift[view.state.metric]?.[view.state.explainer];
  const of = found?.attacks[view.state.attack];
  if (!found || !of || view.about.task === "regression") return null;
  const own = color(view.state.attack, view.about);
  const line = (name, values, dash, filled) => ({
    name, color: own, dash, width: filled ? 2.5 : 1.8,
    points: view.about.epsilons.map((epsilon, place) => ({
      x: epsilon.value, y: values[place], name, title: `${name}, epsilon ${epsilon.text}\n${number(values[place])}`,
      pick: { epsilon: epsilon.value, filter: name },
    })).sort((a, b) => a.x - b.x),
  });
  const drawn = lines({
    lines: [line("flipped", of.mod_flipped, null, true), line("kept", of.mod_kept, "2 3", false)],
    levels: [{ y: found.chance, name: "chance" }], x: epsilonAxis(view.about.epsilons),
    y: driftAxis([found.chance, ...of.mod_flipped, ...of.mod_kept]), at: view.about.epsilons[view.level].value, width, onpick,
  });
  return card("Flipped and kept", `Drift where the prediction flips (line) or stays (dots).`, drawn);
}

/** The dissimilarities of all images; a range can be brushed, to see those images alone.
 * @param {View} view @param {number} width @param {(pick: object) => void} onpick */
function histogram(view, width, onpick) {
  const samples = view.details?.samples;
  const found = view.figures.drift[view.state.metric]?.[view.state.explainer];
  if (!samples || !found) return null;
  const flipped = samples.flipped[view.state.attack]?.[view.level] ?? [];
  const rows = movedBy(view).map((value, row) => ({ value, kind: flipped[row] ? "flipped" : "kept" })).filter((row) => row.value !== null);
  const { low, high } = view.state;
  const limit = movedLimit(view);
  const own = color(view.state.attack, view.about);
  const [, upper] = driftAxis([found.chance, ...rows.map((row) => row.value)]).domain;
  const marks = [
    (low !== null || high !== null) && Plot.rectX([0], { x1: low ?? 0, x2: high ?? upper, fill: "var(--rule)", fillOpacity: 0.6 }),
    Plot.rectY(rows, Plot.binX({ y: "count" }, /** @type {any} */ ({ x: "value", fill: "kind", thresholds: 24, domain: [0, upper], order: ["flipped", "kept"], insetRight: 1 }))),
    Plot.ruleY([0], { stroke: "var(--rule-strong)" }),
    found.chance !== null && Plot.ruleX([found.chance], { stroke: "var(--ink-soft)", strokeDasharray: "1 3" }),
    found.chance !== null && Plot.text([found.chance], { x: (value) => value, text: () => "chance", frameAnchor: "top", textAnchor: "end", dx: -4, fill: "var(--ink-soft)" }),
    limit !== null && Plot.ruleX([limit], { stroke: "var(--rule-strong)" }),
  ];
  const drawn = plot({ width, height: 196, marginLeft: 44, marginRight: 14, marginTop: 14, marginBottom: 36, x: { domain: [0, upper], label: "dissimilarity", labelAnchor: "center", labelArrow: "none", ticks: 6, tickSize: 3 }, y: { grid: true, label: null, ticks: 4, tickSize: 0, tickFormat: "d" }, color: { domain: ["flipped", "kept"], range: [own, `color-mix(in srgb, ${own} 38%, var(--surface))`] }, marks: marks.filter(Boolean) });
  brush(drawn, onpick);
  const clear = low === null && high === null ? null : h("button.quiet", { type: "button", text: `Showing ${number(low ?? 0)} to ${number(high ?? upper)}. Show all again`, onclick: () => onpick({ low: null, high: null }) });
  const seen = samples.index.length < samples.of ? ` Of ${counted(samples.of, "image")}, ${samples.index.length.toLocaleString("en")}.` : "";
  return card("How far single images move", `Dark: flipped. Drag to choose a range.${seen}`, drawn, clear);
}

/** @param {View} view @param {number} width @param {(pick: object) => void} onpick */
function flipChart(view, width, onpick) {
  const all = flips(view);
  if (!view.details || view.about.task !== "classification") return null;
  const shown = all.slice(0, MOST_FLIPS);
  const more = all.length > shown.length ? ` ${all.length - shown.length} more kinds are rarer.` : "";
  const text = `${counted(all.reduce((sum, item) => sum + item.count, 0), "image")} under ${view.state.attack} at epsilon ${view.about.epsilons[view.level].text}.${more}`;
  if (!shown.length) return h("figure.card", {}, h("figcaption", {}, h("h3", { text: "From class to class" }), h("p", { text: "No prediction flips here." })));
  const largest = shown[0].count;
  const bars = shown.map((item) =>
    h("button.flip", { type: "button", title: `Show these in the gallery`, onclick: () => onpick({ filter: "flipped", label: view.details?.samples.label ? null : item.from }) },
      h("span.name", { text: item.label, title: item.label }), h("span.count", { text: String(item.count) }),
      h("span.bar", { style: { width: `${(100 * item.count) / largest}%`, background: color(view.state.attack, view.about) } })));
  return h("figure.card", {}, h("figcaption", {}, h("h3", { text: "From class to class" }), h("p", { text, title: text })), h("div.flips", {}, ...bars));
}

/** MOD at each layer, where every explainer looks at one.
 * @param {View} view @param {number} width @param {(pick: object) => void} onpick */
function depth(view, width, onpick) {
  const layered = view.about.explainers.filter((item) => item.layers.length === 1 && item.depths.length === 1);
  if (new Set(layered.map((item) => item.layers[0])).size < 2) return null;
  const of = view.figures.drift[view.state.metric] ?? {};
  const sorted = [...layered].sort((a, b) => a.depths[0] - b.depths[0]);
  const line = (name, dash, value, own) => ({
    name, color: own, dash, width: 2,
    points: sorted.map((item, place) => ({ x: place, y: value(item.name) ?? null, name, title: `${item.layers[0]}\n${name}: ${number(value(item.name) ?? null)}`, pick: { explainer: item.name } })),
  });
  const attack = view.about.attacks.find((item) => item.name === view.state.attack);
  const shown = /** @type {Line[]} */ ([
    line("chance", "1 3", (name) => of[name]?.chance, "var(--ink-soft)"),
    attack?.noise && line(attack.noise, "5 4", (name) => of[name]?.attacks[String(attack.noise)]?.mod[view.level], "var(--noise)"),
    line(view.state.attack, null, (name) => of[name]?.attacks[view.state.attack]?.mod[view.level], color(view.state.attack, view.about)),
  ].filter(Boolean));
  const every = Math.max(1, Math.ceil(sorted.length / 6));
  const drawn = lines({
    lines: shown, levels: [],
    x: { domain: [-0.2, sorted.length - 0.8], ticks: sorted.map((_, place) => place).filter((place) => place % every === 0), tickFormat: (place) => short(sorted[place]?.layers[0] ?? ""), label: null, tickSize: 3 },
    y: driftAxis(shown.flatMap((item) => item.points.map((point) => point.y))),
    at: sorted.findIndex((item) => item.name === view.state.explainer), width, onpick,
  });
  return card("Drift by depth", `At epsilon ${view.about.epsilons[view.level].text}; dotted: chance, dashed: noise.`, drawn);
}

function short(name) {
  return name.length <= 12 ? name : `…${name.slice(-11)}`;
}

const BY_EPSILON = [accuracyOverEpsilon, driftOverEpsilon];
const BY_EPOCH = [accuracyOverEpoch, driftOverEpoch];

/**
 * Draws all charts that there is something for: the first row above the samples, the others below.
 *
 * @param {HTMLElement} first
 * @param {HTMLElement} further
 * @param {View} view
 * @param {(pick: object) => void} onpick
 */
export function draw(first, further, view, onpick) {
  const room = first.clientWidth || 1200;
  const columns = room >= 1000 ? 3 : room >= 680 ? 2 : 1;
  const width = Math.floor((room - (columns - 1) * 16) / columns) - 34;
  const order = view.steps.length > 1 ? [...BY_EPOCH, driftOverEpsilon, accuracyOverEpsilon] : BY_EPSILON;
  const cards = [...order, histogram, split, flipChart, depth].map((make) => make(view, width, onpick)).filter(Boolean);
  for (const [place, shown] of [[first, cards.slice(0, 3)], [further, cards.slice(3)]]) {
    /** @type {HTMLElement} */ (place).style.setProperty("--columns", String(columns));
    fill(/** @type {HTMLElement} */ (place), .../** @type {Node[]} */ (shown));
  }
}
