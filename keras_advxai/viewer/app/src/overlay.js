/** Further runs laid over the chosen one: their colour is that of the attack, their marks and dashes are their own. */

import { color, runMark } from "./colors.js";
import { h, svg } from "./dom.js";
import { levelsOf, levelsOn, same } from "./levels.js";

/** @typedef {import("./types.js").View} View */
/** @typedef {import("./types.js").Step} Step */
/** @typedef {import("./types.js").Num} Num */
/** @typedef {import("./chart_parts.js").Line} Line */

/**
 * The step of another run that is beside the chosen one: the same epoch where one is chosen, else the last.
 *
 * @param {Step[]} steps
 * @param {number | null} wanted
 */
export function beside(steps, wanted) {
  return steps.find((item) => wanted !== null && item.step === wanted) ?? steps[steps.length - 1];
}

/**
 * A figure of further runs for the chosen attack, over its epsilons or severities.
 *
 * @param {View} view
 * @param {(step: Step) => Num[] | undefined} of
 * @param {(value: Num) => string} text
 * @returns {Line[]}
 */
export function overLevels(view, of, text) {
  return lines(view, ({ run, steps }) => {
    const step = beside(steps, view.state.step);
    const { about } = step.overview;
    const when = steps.length > 1 ? `, epoch ${step.step + 1}` : "";
    const values = levelsOn(view.scale, about).map((item, level) => ({ ...item, y: of(step)?.[level] ?? null }));
    return values.map((item) => ({
      x: item.value, y: item.y, name: run.name,
      title: `${run.name}: ${view.state.attack}, ${view.scale} ${item.text}${when}\n${text(item.y)}`,
      pick: { run: run.id, [view.scale]: item.value },
    })).sort((a, b) => a.x - b.x);
  });
}

/**
 * A figure of further trainings for the chosen attack at the chosen epsilon or severity, over the epochs.
 *
 * @param {View} view
 * @param {(step: Step) => Num[] | undefined} of
 * @param {(value: Num) => string} text
 * @returns {Line[]}
 */
export function overEpochs(view, of, text) {
  const value = Number(view.state[view.scale]);
  return lines(view, ({ run, steps }) => steps.length < 2 ? [] : steps.map((step) => {
    const level = same(value, levelsOf(view.state.attack, step.overview.about));
    const y = of(step)?.[level] ?? null;
    return { x: step.step, y, name: run.name, title: `${run.name}: ${view.state.attack}, epoch ${step.step + 1}\n${text(y)}`, pick: { run: run.id, step: step.step } };
  }));
}

/** @param {View} view @param {(other: View["others"][0]) => import("./chart_parts.js").Point[]} pointsOf @returns {Line[]} */
function lines(view, pointsOf) {
  return view.others.map((other, place) => ({
    name: other.run.name, color: color(view.state.attack, view.about), ...runMark(place), width: 1.4,
    points: pointsOf(other),
  })).filter((line) => line.points.some((point) => point.y !== null));
}

/** The marks of further runs, and what these are called.
 * @param {View} view
 * @param {Line[]} shown */
export function legend(view, shown) {
  if (!shown.length) return null;
  return h("p.runs", {}, `${view.state.attack}: `, item(view.run.name, null, null), ...shown.map((line) => item(line.name, line.symbol ?? null, line.dash)));
}

const SHAPES = { square: "M9 2H15V8H9Z", triangle: "M12 1L16 8H8Z", diamond2: "M12 1L16 5L12 9L8 5Z", star: "M12 1L13.3 4H16L14 6L15 9L12 7L9 9L10 6L8 4H10.7Z", wye: "M11 1H13V5L16 8L14.5 9L12 6.5L9.5 9L8 8L11 5Z" };

/** @param {string} name @param {string | null} symbol @param {string | null} dash */
function item(name, symbol, dash) {
  const swatch = svg("svg", { class: "swatch", viewBox: "0 0 24 10", "aria-hidden": "true" },
    svg("path", { d: "M0 5H24", stroke: "currentColor", "stroke-dasharray": dash ?? "none" }),
    svg("path", { d: symbol ? SHAPES[symbol] : "M9 5A3 3 0 1 1 15 5A3 3 0 1 1 9 5Z", stroke: "currentColor", class: symbol ? "hollow" : "full" }));
  return h("span.run", { title: name }, swatch, h("span", { text: name }));
}
