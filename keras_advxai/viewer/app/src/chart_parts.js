/** What the charts are made of: a plot by Observable Plot in a card, lines, axes. */

import * as Plot from "@observablehq/plot";
import { h } from "./dom.js";

/** @typedef {{x: number, y: number | null, low?: number | null, high?: number | null, name: string, title: string, pick: object}} Point */
/** @typedef {{name: string, color: string, dash: string | null, width?: number, symbol?: string, hasBand?: boolean, points: Point[]}} Line */

const FONT = { fontFamily: "inherit", fontSize: "12px", background: "transparent", overflow: "visible" };

/** What a vertical axis is called stands above it. */
const UPWARD = { labelAnchor: "top", labelArrow: "none", labelOffset: 40, grid: true, tickSize: 0 };

/** A horizontal axis: what it is called stands below its middle. */
export const ACROSS = { labelAnchor: "center", labelArrow: "none", tickSize: 3 };

/** Of more ticks, the labels would lie upon one another. */
const MOST_TICKS = 8;

/**
 * A plot without a style element of its own, which the page's security policy does not allow.
 *
 * @param {any} options
 */
export function plot(options) {
  const drawn = Plot.plot({ style: FONT, className: "plot", ...options });
  drawn.querySelectorAll("style").forEach((style) => style.remove());
  // Labels of parts of a picture, which has one of its own.
  for (const part of drawn.querySelectorAll("[aria-label]")) {
    part.setAttribute("data-mark", part.getAttribute("aria-label") ?? "");
    part.removeAttribute("aria-label");
  }
  return drawn;
}

/** The vertical axis of a number of images, of which there are no halves. @param {number} largest */
export function countAxis(largest) {
  const step = Math.max(1, Math.ceil(largest / 4));
  return { ticks: Array.from({ length: Math.floor(largest / step) + 1 }, (_, place) => place * step), tickFormat: "d", label: "images", ...UPWARD };
}

/** A card with a chart in it.
 * @param {string} title
 * @param {string} text What it shows, in words.
 * @param {any} drawn
 * @param {{above?: Node | null, below?: Node | null, hint?: string}} [more] What stands beside the name of its axis and
 *   what below it, and what can be done with it. */
export function card(title, text, drawn, { above = null, below = null, hint = "" } = {}) {
  drawn.setAttribute("role", "img");
  drawn.setAttribute("aria-label", `${title}. ${text}`);
  return h("figure.card", {}, h("figcaption", {}, h("h3", { text: title }), h("p", {}, text, h("span.hint", { text: hint && ` ${hint}` }))), above, drawn, below);
}

/**
 * Lines over epsilons or epochs.
 *
 * @param {{lines: Line[], levels: {y: number | null, name: string}[], x: any, y: any, at: number | null, width: number, height?: number, onpick: (pick: object) => void}} what
 */
export function lines({ lines, levels, x, y, at, width, height = 180, onpick }) {
  const known = lines.map((line) => ({ ...line, points: line.points.filter((point) => point.y !== null) }));
  const all = known.flatMap((line) => line.points);
  const marks = [
    at !== null && Plot.ruleX([at], { stroke: "var(--rule-strong)", strokeWidth: 1 }),
    ...known.flatMap((line) => [
      line.hasBand !== false && line.points.some((p) => p.low !== undefined && p.low !== null) &&
        Plot.areaY(line.points, { x: "x", y1: "low", y2: "high", fill: line.color, fillOpacity: 0.12 }),
      Plot.lineY(line.points, { x: "x", y: "y", stroke: line.color, strokeWidth: line.width ?? 2, strokeDasharray: line.dash ?? undefined }),
      dots(line.points, line, line.symbol ? 4 : line.width && line.width < 2 ? 2 : 3),
    ]),
    ...levels.filter((level) => level.y !== null).flatMap((level) => [
      Plot.ruleY([level.y], { stroke: "var(--ink-soft)", strokeDasharray: "1 3", strokeWidth: 1.2 }),
      Plot.text([level], { y: "y", text: "name", frameAnchor: "right", textAnchor: "start", dx: 6, fill: "var(--ink-soft)" }),
    ]),
    Plot.tip(all, Plot.pointer({ x: "x", y: "y", title: "title", fill: "var(--surface)", stroke: "var(--rule-strong)", textPadding: 8, ariaHidden: "true" })),
  ];
  const drawn = plot({ width, height, marginLeft: 44, marginRight: levels.some((level) => level.y !== null) ? 50 : 14, marginTop: 27, marginBottom: 36, x, y, marks: marks.filter(Boolean) });
  drawn.classList.add("clickable");
  drawn.addEventListener("click", () => drawn.value && onpick(drawn.value.pick));
  return drawn;
}

/** The marks of a line; those of another run are hollow, and of another form.
 * @param {{x: number, y: number | null}[]} points @param {{color: string, symbol?: string}} line @param {number} r */
export function dots(points, { color, symbol }, r) {
  const look = symbol ? { symbol: /** @type {any} */ (symbol), fill: "var(--surface)", stroke: color, strokeWidth: 1.5 } : { fill: color };
  return Plot.dot(points, { x: "x", y: "y", r, ...look });
}

/** Labels along epsilons or severities: those that fit, the largest first.
 * @param {import("./types.js").Level[]} levels
 * @param {import("./types.js").Scale} scale */
export function levelAxis(levels, scale) {
  const span = Math.max(...levels.map((item) => item.value)) || 1;
  const kept = [];
  for (const item of [...levels, { value: 0, text: "0" }].sort((a, b) => b.value - a.value)) {
    if (!kept.length || kept[kept.length - 1].value - item.value > 0.16 * span) kept.push(item);
  }
  const text = new Map(kept.map((item) => [item.value, item.text]));
  return { domain: [0, span * 1.02], ticks: kept.map((item) => item.value), tickFormat: (value) => text.get(value) ?? "", label: scale, ...ACROSS };
}

/** @param {number[]} all The epochs, of all runs. */
export function epochAxis(all) {
  const sorted = [...new Set(all)].sort((a, b) => a - b);
  return { domain: [sorted[0], sorted[sorted.length - 1]], ticks: everyNth(sorted), tickFormat: (value) => String(value + 1), label: "epoch", ...ACROSS };
}

/** As many of some values, evenly spread, as there is room for as ticks. @param {number[]} values */
export function everyNth(values) {
  const every = Math.ceil(values.length / MOST_TICKS);
  return values.filter((_, place) => place % every === 0);
}

export const SHARES = { domain: [0, 1], tickFormat: "%", ticks: 5, label: "accuracy", ...UPWARD };

/** The vertical axis of a dissimilarity, with room for the chance level.
 * @param {(number | null | undefined)[]} values */
export function driftAxis(values) {
  const largest = Math.max(0.05, ...values.map((value) => Number(value ?? 0)));
  return { domain: [0, largest * 1.1], ticks: 5, label: "MOD", ...UPWARD };
}
