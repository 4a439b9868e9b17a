/** A range of a histogram: dragged with the pointer, or its ends moved by the keyboard. */

import { button, h, svg } from "./dom.js";
import { number } from "./text.js";

/** @typedef {{low: number | null, high: number | null}} Range */

const STEPS = 50; // of the handles, from end to end
const CLICK = 0.01; // of the width: what is dragged less is a click

/** The height of the histogram, and what is free above and below its bars, in pixels. */
export const TALL = 172;
export const MARGINS = { top: 27, bottom: 34 };

/**
 * A range as it is kept: with four digits, its ends in order, and none where it holds everything.
 *
 * @param {number} one
 * @param {number} other
 * @param {number} upper The end of the axis, which begins at 0.
 * @returns {Range}
 */
export function asRange(one, other, upper) {
  const [low, high] = [one, other].sort((a, b) => a - b).map((value) => Number(Math.min(upper, Math.max(0, value)).toFixed(4)));
  const [isFirst, isLast] = [low <= 0, high >= Number(upper.toFixed(4))];
  return { low: isFirst ? null : low, high: isLast ? null : high };
}

/**
 * The bars of a histogram of two kinds, one above the other: every value is in one, the largest in the last.
 *
 * @param {(number | null)[]} values
 * @param {(number | boolean)[]} flipped Which of them are of the first kind.
 * @param {number} upper The end of the axis, which begins at 0.
 * @param {number} count How many bars there are.
 * @returns {{low: number, high: number, flipped: number, kept: number}[]}
 */
export function binned(values, flipped, upper, count) {
  const bars = Array.from({ length: count }, (_, place) => ({ low: (place * upper) / count, high: ((place + 1) * upper) / count, flipped: 0, kept: 0 }));
  values.forEach((value, row) => {
    if (value === null || !Number.isFinite(value)) return;
    const place = Math.floor((value / upper) * count);
    bars[Math.min(count - 1, Math.max(0, place))][flipped[row] ? "flipped" : "kept"] += 1;
  });
  return bars;
}

/**
 * How many of some values lie in a range.
 *
 * @param {(number | null)[]} values
 * @param {Range} range
 */
export function countIn(values, { low, high }) {
  return values.filter((value) => value !== null && value >= (low ?? -Infinity) && value <= (high ?? Infinity)).length;
}

/**
 * What a click on a bar chooses: its range, and everything again where that is chosen already.
 *
 * @param {number} value Where it was clicked.
 * @param {Range} range What is chosen.
 * @param {number} upper The end of the axis.
 * @param {number} bins How many bars it has.
 * @returns {Range}
 */
export function clicked(value, range, upper, bins) {
  const place = Math.min(bins - 1, Math.floor((value / upper) * bins));
  const found = asRange((place * upper) / bins, ((place + 1) * upper) / bins, upper);
  return found.low === range.low && found.high === range.high ? { low: null, high: null } : found;
}

/**
 * The handles below a histogram, and dragging over it.
 *
 * @param {any} drawn The histogram, whose horizontal axis begins at 0.
 * @param {{upper: number, bins: number, values: (number | null)[], onpick: (pick: Range) => void} & Range} what The
 *   end of the axis, the number of bars, what is counted in them, and the range that is chosen.
 */
export function brush(drawn, { low, high, upper, bins, values, onpick }) {
  const range = { low, high };
  const scale = drawn.scale("x");
  const shade = svg("rect", { y: MARGINS.top, height: TALL - MARGINS.top - MARGINS.bottom, class: "brush" });
  drawn.append(shade);
  const said = h("p.hint.range", { role: "status" });
  const handle = (end, label) => h("input", {
    type: "range", min: "0", max: String(upper), step: String(upper / STEPS), "aria-label": label, "data-focus": `brush-${end}`,
    oninput: () => move(end), onchange: () => onpick(chosen()),
  });
  const [from, to] = [handle("low", "Lowest dissimilarity that is shown"), handle("high", "Highest dissimilarity that is shown")];
  // As they are: the handles stand on steps.
  const now = { low: range.low ?? 0, high: range.high ?? upper };
  const chosen = () => asRange(now.low, now.high, upper);
  const paint = (/** @type {Range} */ of) => {
    const ends = [scale.apply(of.low ?? 0), scale.apply(of.high ?? upper)];
    const isWhole = of.low === null && of.high === null;
    shade.setAttribute("x", String(ends[0]));
    shade.setAttribute("width", String(isWhole ? 0 : Math.max(0, ends[1] - ends[0])));
    from.setAttribute("aria-valuetext", number(of.low ?? 0));
    to.setAttribute("aria-valuetext", number(of.high ?? upper));
    said.textContent = isWhole ? "All images." : `${countIn(values, of)} of ${countIn(values, { low: null, high: null })} images, from ${number(of.low ?? 0)} to ${number(of.high ?? upper)}.`;
  };
  const move = (end) => {
    // The ends do not pass one another.
    if (end === "low") now.low = Math.min(Number(from.value), now.high);
    else now.high = Math.max(Number(to.value), now.low);
    from.value = String(now.low);
    to.value = String(now.high);
    paint(chosen());
  };
  from.value = String(now.low);
  to.value = String(now.high);
  paint(range);
  drag(drawn, scale, (one, other) => paint(asRange(one, other, upper)), (one, other) => onpick(Math.abs(other - one) < CLICK * upper ? clicked(other, range, upper, bins) : asRange(one, other, upper)));
  const clear = range.low === null && range.high === null ? null : button("Show all again", () => onpick({ low: null, high: null }), { class: "quiet", "data-focus": "brush-clear" });
  return h("div.handles", { role: "group", "aria-label": "Range of the dissimilarity" }, h("div.ends", {}, from, to), said, clear);
}

/** @param {any} drawn @param {any} scale @param {(one: number, other: number) => void} onmove @param {(one: number, other: number) => void} onend */
function drag(drawn, scale, onmove, onend) {
  const at = (event) => {
    const box = drawn.getBoundingClientRect();
    const value = scale.invert(((event.clientX - box.left) * drawn.viewBox.baseVal.width) / box.width);
    return Math.min(scale.domain[1], Math.max(scale.domain[0], value));
  };
  /** @type {number | null} */
  let first = null;
  drawn.classList.add("brushable");
  drawn.addEventListener("pointerdown", (event) => {
    first = at(event);
    drawn.setPointerCapture(event.pointerId);
  });
  drawn.addEventListener("pointermove", (event) => {
    if (first !== null) onmove(first, at(event));
  });
  drawn.addEventListener("pointerup", (event) => {
    if (first !== null) onend(first, at(event));
    first = null;
  });
  drawn.addEventListener("pointercancel", () => {
    first = null;
  });
}
