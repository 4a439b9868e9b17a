/** What the charts are made of: a plot by Observable Plot in a card, lines, axes, a range that is brushed. */

import * as Plot from "@observablehq/plot";
import { h } from "./dom.js";

/** @typedef {{x: number, y: number | null, low?: number | null, high?: number | null, name: string, title: string, pick: object}} Point */
/** @typedef {{name: string, color: string, dash: string | null, width?: number, opacity?: number, points: Point[]}} Line */

const FONT = { fontFamily: "inherit", fontSize: "12px", background: "transparent", overflow: "visible" };

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

/** A card with a chart in it.
 * @param {string} title
 * @param {string} text What it shows, in words.
 * @param {any} drawn
 * @param {Node | null} [more] */
export function card(title, text, drawn, more = null) {
  drawn.setAttribute("role", "img");
  drawn.setAttribute("aria-label", `${title}. ${text}`);
  return h("figure.card", {}, h("figcaption", {}, h("h3", { text: title }), h("p", { text, title: text })), drawn, more);
}

/**
 * Lines over epsilons or epochs.
 *
 * @param {{lines: Line[], levels: {y: number | null, name: string}[], x: any, y: any, at: number, width: number, height?: number, onpick: (pick: object) => void}} what
 */
export function lines({ lines, levels, x, y, at, width, height = 196, onpick }) {
  const known = lines.map((line) => ({ ...line, points: line.points.filter((point) => point.y !== null) }));
  const all = known.flatMap((line) => line.points);
  const marks = [
    Plot.ruleX([at], { stroke: "var(--rule-strong)", strokeWidth: 1 }),
    ...known.flatMap((line) => [
      line.points.some((p) => p.low !== undefined && p.low !== null) &&
        Plot.areaY(line.points, { x: "x", y1: "low", y2: "high", fill: line.color, fillOpacity: 0.12 }),
      Plot.lineY(line.points, { x: "x", y: "y", stroke: line.color, strokeWidth: line.width ?? 2, strokeDasharray: line.dash ?? undefined, strokeOpacity: line.opacity ?? 1 }),
      Plot.dot(line.points, { x: "x", y: "y", r: line.width && line.width < 2 ? 2 : 3, fill: line.color, fillOpacity: line.opacity ?? 1 }),
    ]),
    ...levels.filter((level) => level.y !== null).flatMap((level) => [
      Plot.ruleY([level.y], { stroke: "var(--ink-soft)", strokeDasharray: "1 3", strokeWidth: 1.2 }),
      Plot.text([level], { y: "y", text: "name", frameAnchor: "right", textAnchor: "start", dx: 6, fill: "var(--ink-soft)" }),
    ]),
    Plot.tip(all, Plot.pointer({ x: "x", y: "y", title: "title", fill: "var(--surface)", stroke: "var(--rule-strong)", textPadding: 8, ariaHidden: "true" })),
  ];
  const drawn = plot({ width, height, marginLeft: 44, marginRight: levels.some((level) => level.y !== null) ? 50 : 14, marginTop: 14, marginBottom: 36, x, y, marks: marks.filter(Boolean) });
  drawn.classList.add("clickable");
  drawn.addEventListener("click", () => drawn.value && onpick(drawn.value.pick));
  return drawn;
}

/** Labels along epsilons: those that fit, the largest first.
 * @param {import("./types.js").Epsilon[]} epsilons */
export function epsilonAxis(epsilons) {
  const span = Math.max(...epsilons.map((item) => item.value)) || 1;
  const kept = [];
  for (const item of [...epsilons, { value: 0, text: "0" }].sort((a, b) => b.value - a.value)) {
    if (!kept.length || kept[kept.length - 1].value - item.value > 0.12 * span) kept.push(item);
  }
  const text = new Map(kept.map((item) => [item.value, item.text]));
  return { domain: [0, span * 1.02], ticks: kept.map((item) => item.value), tickFormat: (value) => text.get(value) ?? "", label: "epsilon", labelAnchor: "center", labelArrow: "none", tickSize: 3 };
}

/** @param {import("./types.js").Step[]} steps */
export function epochAxis(steps) {
  const all = steps.map((item) => item.step);
  const every = Math.max(1, Math.ceil(all.length / 8));
  return { domain: [all[0], all[all.length - 1]], ticks: all.filter((_, place) => place % every === 0), tickFormat: (value) => String(value + 1), label: "epoch", labelAnchor: "center", labelArrow: "none", tickSize: 3 };
}

export const SHARES = { domain: [0, 1], tickFormat: "%", ticks: 5, grid: true, label: null, tickSize: 0 };

/** The vertical axis of a dissimilarity, with room for the chance level.
 * @param {(number | null | undefined)[]} values */
export function driftAxis(values) {
  const largest = Math.max(0.05, ...values.map((value) => Number(value ?? 0)));
  return { domain: [0, largest * 1.1], ticks: 5, grid: true, label: null, tickSize: 0 };
}

/** Dragging over a chart chooses a range of its horizontal axis.
 * @param {any} drawn @param {(pick: object) => void} onpick */
export function brush(drawn, onpick) {
  const scale = drawn.scale("x");
  const at = (event) => {
    const box = drawn.getBoundingClientRect();
    const value = scale.invert(((event.clientX - box.left) * drawn.viewBox.baseVal.width) / box.width);
    return Math.min(scale.domain[1], Math.max(scale.domain[0], value));
  };
  /** @type {number | null} */
  let first = null;
  /** @type {SVGRectElement | null} */
  let shade = null;
  drawn.classList.add("brushable");
  drawn.addEventListener("pointerdown", (event) => {
    first = at(event);
    drawn.setPointerCapture(event.pointerId);
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [key, value] of Object.entries({ y: 14, height: 146, width: 0, class: "brush" })) rect.setAttribute(key, String(value));
    drawn.append(rect);
    shade = rect;
  });
  drawn.addEventListener("pointermove", (event) => {
    if (first === null || !shade) return;
    const ends = [scale.apply(first), scale.apply(at(event))].sort((a, b) => a - b);
    shade.setAttribute("x", String(ends[0]));
    shade.setAttribute("width", String(ends[1] - ends[0]));
  });
  drawn.addEventListener("pointerup", (event) => {
    if (first === null) return;
    const [low, high] = [first, at(event)].sort((a, b) => a - b);
    first = null;
    shade?.remove();
    const isClick = high - low < 0.01 * (scale.domain[1] - scale.domain[0]);
    onpick(isClick ? { low: null, high: null } : { low: Number(low.toFixed(4)), high: Number(high.toFixed(4)) });
  });
}
