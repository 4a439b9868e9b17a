/** The charts, drawn by Observable Plot. Every mark can be clicked to choose what it stands for. */

import * as Plot from "@observablehq/plot";
import { binned, brush, MARGINS, TALL } from "./brush.js";
import { ACROSS, card, countAxis, driftAxis, epochAxis, everyNth, levelAxis, lines, plot, SHARES } from "./chart_parts.js";
import { color, dashes } from "./colors.js";
import { fill, h } from "./dom.js";
import { atLayers, counterpart, driftOf, explainer, layerOf, ofAllEpochs } from "./explainers.js";
import { attacksOn, levelsOn, levelText, scaleOf, SCALES } from "./levels.js";
import * as overlay from "./overlay.js";
import { namesOfRuns } from "./run_names.js";
import { flips, movedBy, movedLimit } from "./select.js";
import { counted, ends, number, percent } from "./text.js";

/** @typedef {import("./types.js").View} View */
/** @typedef {import("./types.js").Scale} Scale */
/** @typedef {import("./types.js").Step} Step */
/** @typedef {import("./types.js").Num} Num */
/** @typedef {import("./chart_parts.js").Point} Point */
/** @typedef {import("./chart_parts.js").Line} Line */
/** @typedef {(view: View, width: number, onpick: (pick: object) => void) => Node | null} Chart */
/** @typedef {{y: Num[], low?: Num[], high?: Num[]}} Values */

const MOST_FLIPS = 8;
const BINS = 24;
const MOST_BANDS = 5;
const HEADROOM = 1.35; // of a histogram, above whose bars the words stand

/** What is the same of a line in all charts. @param {View} view @param {import("./types.js").Attack} attack */
function look(view, attack) {
  const isChosen = attack.name === view.state.attack;
  // Of many intervals that lie above one another, none can be seen.
  const hasBand = isChosen || attacksOn(scaleOf(attack.name, view.about), view.about).length <= MOST_BANDS;
  return { name: attack.name, color: color(attack.name, view.about), dash: dashes(attack.name, view.about), width: isChosen ? 2.5 : 1.8, hasBand };
}

/** A line for each attack over its epsilons, or for each corruption over its severities.
 * @param {View} view
 * @param {Scale} scale
 * @param {(attack: string) => Values} of
 * @param {Num} atZero What stands at 0.
 * @param {(value: Num) => string} text
 * @returns {Line[]} */
function overLevels(view, scale, of, atZero, text) {
  const levels = levelsOn(scale, view.about);
  return attacksOn(scale, view.about).map((attack) => {
    const found = of(attack.name);
    const points = /** @type {Point[]} */ (levels.map((item, place) => ({
      x: item.value, y: found.y[place], low: found.low?.[place], high: found.high?.[place], name: attack.name,
      title: `${attack.name}, ${scale} ${item.text}\n${text(found.y[place])}${range(found, place, text)}`,
      pick: { attack: attack.name, [scale]: item.value },
    }))).sort((a, b) => a.x - b.x);
    if (atZero !== null && !levels.some((item) => item.value === 0)) {
      points.unshift({ x: 0, y: atZero, low: atZero, high: atZero, name: attack.name, title: `the original images\n${text(atZero)}`, pick: { attack: attack.name } });
    }
    return { ...look(view, attack), points };
  });
}

function range(found, place, text) {
  const [low, high] = [found.low?.[place], found.high?.[place]];
  return low === null || low === undefined ? "" : ` (95 %: ${text(low)} to ${text(high)})`;
}

/** Where the levels of a scale are, and which one is chosen. @param {View} view @param {Scale} scale */
function along(view, scale) {
  const levels = levelsOn(scale, view.about);
  return { x: levelAxis(levels, scale), at: levels[view.places[scale]].value };
}

/** @param {Scale} scale @returns {Chart} */
const accuracyOver = (scale) => (view, width, onpick) => {
  if (view.about.task === "regression" || !attacksOn(scale, view.about).length) return null;
  const further = scale === view.scale ? overlay.overLevels(view, (step) => step.overview.figures.attacks[view.state.attack]?.accuracy, percent) : [];
  const own = overLevels(view, scale, (attack) => {
    const found = view.figures.attacks[attack];
    return { y: found.accuracy, low: found.low, high: found.high };
  }, view.figures.clean.accuracy, percent);
  const drawn = lines({ lines: [...further, ...own], levels: [], ...along(view, scale), y: SHARES, width, onpick });
  return card(`Accuracy by ${scale}`, "Share of images that are right; bands: 95 % intervals.", drawn, { above: namesOfRuns(view, further) });
};

/** The MODs of the chosen attack in another run. @param {View} view @param {Step} step */
function modOf(view, step) {
  const { about, figures } = step.overview;
  return driftOf(figures, view.state, counterpart(view.state.explainer, view.about, about))?.attacks[view.state.attack]?.mod;
}

/** The upper ends of MODs and of their intervals. @param {import("./types.js").Drift | undefined} of */
function highest(of) {
  return [...(of?.mod ?? []), ...(of?.mod_high ?? [])];
}

/** @param {Scale} scale @returns {Chart} */
const driftOver = (scale) => (view, width, onpick) => {
  const found = driftOf(view.figures, view.state);
  if (!found || !attacksOn(scale, view.about).length) return null;
  const further = scale === view.scale ? overlay.overLevels(view, (step) => modOf(view, step), number) : [];
  const own = overLevels(view, scale, (attack) => {
    const of = found.attacks[attack];
    return { y: of.mod, low: of.mod_low, high: of.mod_high };
  }, 0, number);
  const y = driftAxis([...further.flatMap((line) => line.points.map((point) => point.y)), ...ofAllEpochs(view, (of) => [of.chance, ...attacksOn(scale, view.about).flatMap(({ name }) => highest(of.attacks[name]))])]);
  const drawn = lines({ lines: [...further, ...own], levels: [{ y: found.chance, name: "chance" }], ...along(view, scale), y, width, onpick });
  return card(`Drift of explanations by ${scale}`, "Mean dissimilarity of the heatmaps (MOD).", drawn, { above: namesOfRuns(view, further) });
};

/** One value of each epoch.
 * @param {View} view
 * @param {string} attack
 * @param {string} name
 * @param {(step: Step) => {y: Num | undefined, low?: Num, high?: Num}} of
 * @param {(value: Num) => string} text
 * @returns {Point[]} */
function points(view, attack, name, of, text) {
  return view.steps.map((step) => {
    const { y = null, low = null, high = null } = of(step);
    return { x: step.step, y, low, high, name, title: `${name}, epoch ${step.step + 1}\n${text(y)}`, pick: { attack, step: step.step, run: view.run.id } };
  });
}

/** The epochs of all lines. @param {Line[]} shown */
function epochs(shown) {
  return epochAxis(shown.flatMap((line) => line.points.map((point) => point.x)));
}

/** @type {Chart} */
function accuracyOverEpoch(view, width, onpick) {
  if (view.steps.length < 2 || view.about.task === "regression") return null;
  const shown = attacksOn(view.scale, view.about).map((attack) => ({
    ...look(view, attack),
    points: points(view, attack.name, attack.name, (step) => {
      const found = step.overview.figures.attacks[attack.name];
      return { y: found?.accuracy[view.level], low: found?.low[view.level], high: found?.high[view.level] };
    }, percent),
  }));
  const clean = { name: "original images", color: "var(--ink)", dash: null, width: 1.2, points: points(view, view.state.attack, "original images", (step) => ({ y: step.overview.figures.clean.accuracy }), percent) };
  const further = overlay.overEpochs(view, (step) => step.overview.figures.attacks[view.state.attack]?.accuracy, percent);
  const all = [...further, clean, ...shown];
  const drawn = lines({ lines: all, levels: [], x: epochs(all), y: SHARES, at: view.step.step, width, onpick });
  return card("Accuracy by epoch", `Thin: on the original images. Else at ${levelText(view.state.attack, view.about, view.level)}.`, drawn, { above: namesOfRuns(view, further) });
}

/** @type {Chart} */
function driftOverEpoch(view, width, onpick) {
  if (view.steps.length < 2 || !driftOf(view.figures, view.state)) return null;
  const of = (/** @type {Step} */ step) => driftOf(step.overview.figures, view.state);
  const shown = attacksOn(view.scale, view.about).map((attack) => ({
    ...look(view, attack),
    points: points(view, attack.name, attack.name, (step) => {
      const found = of(step)?.attacks[attack.name];
      return { y: found?.mod[view.level], low: found?.mod_low[view.level], high: found?.mod_high[view.level] };
    }, number),
  }));
  const chance = { name: "chance", color: "var(--ink-soft)", dash: "1 3", width: 1.2, points: points(view, view.state.attack, "chance", (step) => ({ y: of(step)?.chance }), number) };
  const further = overlay.overEpochs(view, (step) => modOf(view, step), number);
  const all = [...further, chance, ...shown];
  const y = driftAxis(all.flatMap((line) => line.points.map((point) => point.high ?? point.y)));
  const drawn = lines({ lines: all, levels: [], x: epochs(all), y, at: view.step.step, width, onpick });
  return card("Drift of explanations by epoch", `At ${levelText(view.state.attack, view.about, view.level)}; dotted: chance.`, drawn, { above: namesOfRuns(view, further) });
}

/** @type {Chart} */
function split(view, width, onpick) {
  const found = driftOf(view.figures, view.state);
  const of = found?.attacks[view.state.attack];
  if (!found || !of || view.about.task === "regression") return null;
  const own = color(view.state.attack, view.about);
  const line = (name, values, dash, filled) => ({
    name, color: own, dash, width: filled ? 2.5 : 1.8,
    points: levelsOn(view.scale, view.about).map((item, place) => ({
      x: item.value, y: values[place], name, title: `${name}, ${view.scale} ${item.text}\n${number(values[place])}`,
      pick: { [view.scale]: item.value, filter: name },
    })).sort((a, b) => a.x - b.x),
  });
  const drawn = lines({
    lines: [line("flipped", of.mod_flipped, null, true), line("kept", of.mod_kept, "2 3", false)],
    levels: [{ y: found.chance, name: "chance" }], ...along(view, view.scale),
    y: driftAxis(ofAllEpochs(view, ({ chance, attacks }) => [chance, ...(attacks[view.state.attack]?.mod_flipped ?? []), ...(attacks[view.state.attack]?.mod_kept ?? [])])), width, onpick,
  });
  return card("Flipped and kept", `Drift where the prediction flips (line) or stays (dots), by ${view.scale}.`, drawn);
}

/** The dissimilarities of all images; a range can be brushed, to see those images alone.
 * @type {Chart} */
function histogram(view, width, onpick) {
  const samples = view.details?.samples;
  const found = driftOf(view.figures, view.state);
  if (!samples || !found) return null;
  const flipped = samples.flipped[view.state.attack]?.[view.level] ?? [];
  const values = movedBy(view);
  const limit = movedLimit(view);
  const own = color(view.state.attack, view.about);
  const [, upper] = driftAxis([found.chance, ...values]).domain;
  const bars = binned(values, flipped, upper, BINS);
  const rows = bars.flatMap((bar) => [{ ...bar, kind: "flipped", from: 0, to: bar.flipped }, { ...bar, kind: "kept", from: bar.flipped, to: bar.flipped + bar.kept }]).filter((row) => row.to > row.from);
  const largest = Math.max(1, ...bars.map((bar) => bar.flipped + bar.kept));
  const marks = [
    Plot.rect(rows, { x1: "low", x2: "high", y1: "from", y2: "to", fill: "kind", insetRight: 1, clip: true }),
    Plot.ruleY([0], { stroke: "var(--rule-strong)" }),
    found.chance !== null && Plot.ruleX([found.chance], { stroke: "var(--ink-soft)", strokeDasharray: "1 3" }),
    found.chance !== null && Plot.text([found.chance], { x: (value) => value, text: () => "chance", frameAnchor: "top", textAnchor: "end", dx: -4, fill: "var(--ink-soft)" }),
    limit !== null && Plot.ruleX([limit], { stroke: "var(--rule-strong)" }),
    limit !== null && Plot.text([limit], { x: (value) => value, text: () => `half of chance, ${number(limit)}`, frameAnchor: "top", textAnchor: "start", dx: 4, dy: 14, fill: "var(--ink-soft)", stroke: "var(--surface)", strokeWidth: 3 }),
  ];
  const drawn = plot({ width, height: TALL, marginLeft: 44, marginRight: 14, marginTop: MARGINS.top, marginBottom: MARGINS.bottom, x: { domain: [0, upper], label: "dissimilarity", ticks: 6, ...ACROSS }, y: { domain: [0, largest * HEADROOM], ...countAxis(largest) }, color: { domain: ["flipped", "kept"], range: [own, `color-mix(in srgb, ${own} 38%, var(--surface))`] }, marks: marks.filter(Boolean) });
  const handles = brush(drawn, { low: view.state.low, high: view.state.high, upper, bins: BINS, values, onpick });
  const seen = samples.index.length < samples.of ? ` Of ${counted(samples.of, "image")}, ${samples.index.length.toLocaleString("en")}.` : "";
  return card("How far single images move", `Dark: flipped, away from what the model says of the original.${seen}`, drawn, { below: handles, hint: "Drag over it, or click a bar." });
}

/** @type {Chart} */
function flipChart(view, _, onpick) {
  const all = flips(view);
  if (!view.details || view.about.task !== "classification") return null;
  const shown = all.slice(0, MOST_FLIPS);
  const more = all.length > shown.length ? ` ${all.length - shown.length} more kinds are rarer.` : "";
  const text = `${counted(all.reduce((sum, item) => sum + item.count, 0), "image")} under ${view.state.attack} at ${levelText(view.state.attack, view.about, view.level)}.${more}`;
  if (!shown.length) return h("figure.card", {}, h("figcaption", {}, h("h3", { text: "From class to class" }), h("p", { text: "No prediction flips here." })));
  const largest = shown[0].count;
  const bars = shown.map((item) => {
    const kind = `${item.from}-${item.to}`;
    const isChosen = view.state.flip === kind;
    return h("button.flip", { type: "button", title: isChosen ? "Show all again" : "Show these in the gallery", "aria-pressed": String(isChosen), "data-focus": `flip-${kind}`, onclick: () => onpick({ flip: isChosen ? "" : kind }) },
      h("span.name", { text: item.label, title: item.label }), h("span.count", { text: String(item.count) }),
      h("span.bar", { style: { width: `${(100 * item.count) / largest}%`, background: color(view.state.attack, view.about) } }));
  });
  return h("figure.card", {}, h("figcaption", {}, h("h3", { text: "From class to class" }), h("p", { text, title: text })), h("div.flips", {}, ...bars));
}

/** MOD at each layer, of an explainer that was measured at several.
 * @type {Chart} */
function depth(view, width, onpick) {
  const { about, state } = view;
  const chosen = atLayers(state.explainer, about);
  // Where another kind is chosen, the first one with a profile.
  const sorted = chosen.length ? chosen : about.explainers.map((item) => atLayers(item.name, about)).find((items) => items.length) ?? [];
  if (!sorted.length) return null;
  const value = (name, attack) => driftOf(view.figures, state, name)?.attacks[attack]?.mod[view.level] ?? null;
  // Of another target than the report's own, not every layer was measured.
  if (sorted.filter((item) => value(item.name, state.attack) !== null).length < 2) return null;
  const line = (name, dash, of, own) => ({
    name, color: own, dash, width: 2,
    points: sorted.map((item, place) => ({ x: place, y: of(item.name), name, title: `${layerOf(item)}\n${name}: ${number(of(item.name))}`, pick: { explainer: item.name } })),
  });
  const attack = about.attacks.find((item) => item.name === state.attack);
  const shown = /** @type {Line[]} */ ([
    line("chance", "1 3", (name) => driftOf(view.figures, state, name)?.chance ?? null, "var(--ink-soft)"),
    attack?.noise && line(attack.noise, "5 4", (name) => value(name, attack.noise), "var(--noise)"),
    line(state.attack, dashes(state.attack, about), (name) => value(name, state.attack), color(state.attack, about)),
  ].filter(Boolean));
  // The names of the first and of the last layer, and numbers between them: the names of all have no room.
  const last = sorted.length - 1;
  const x = { domain: [0, Math.max(1, last)], ticks: everyNth([...sorted.keys()]), tickFormat: (place) => String(place + 1), label: `layer, from ${ends(layerOf(sorted[0]))} to ${ends(layerOf(sorted[last]))}`, ...ACROSS };
  const at = sorted.findIndex((item) => item.name === state.explainer);
  const named = [attack?.noise ?? state.attack, state.attack];
  const y = driftAxis(sorted.flatMap((item) => ofAllEpochs(view, ({ chance, attacks }) => [chance, ...named.map((one) => attacks[one]?.mod[view.level])], item.name)));
  const drawn = lines({ lines: shown, levels: [], x, y, at: at < 0 ? null : at, width, onpick });
  const noise = attack?.noise ? ", dashed: noise" : "";
  return card("Drift by depth", `${explainer(sorted[0].name, about)?.family}, MOD at ${levelText(state.attack, about, view.level)}; dotted: chance${noise}.`, drawn);
}

/** The charts in their order: first those of the chosen attack's scale. @param {View} view @returns {Chart[]} */
function order(view) {
  const other = SCALES.filter((scale) => scale !== view.scale);
  const [own, further] = [[accuracyOver(view.scale), driftOver(view.scale)], other.flatMap((scale) => [accuracyOver(scale), driftOver(scale)])];
  const first = view.steps.length > 1 ? [accuracyOverEpoch, driftOverEpoch, own[1], own[0]] : own;
  return [...first, histogram, ...further, split, flipChart, depth];
}

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
  const cards = order(view).map((make) => make(view, width, onpick)).filter((item) => item !== null);
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.focus : undefined;
  for (const [place, shown] of [[first, cards.slice(0, 3)], [further, cards.slice(3)]]) {
    /** @type {HTMLElement} */ (place).style.setProperty("--columns", String(columns));
    fill(/** @type {HTMLElement} */ (place), .../** @type {Node[]} */ (shown));
  }
  // What is drawn again keeps the focus.
  if (focused) for (const place of [first, further]) /** @type {HTMLElement | null} */ (place.querySelector(`[data-focus="${focused}"]`))?.focus({ preventScroll: true });
}
