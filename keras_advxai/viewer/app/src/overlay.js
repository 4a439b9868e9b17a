/** Further runs laid over the chosen one: their colour is that of the attack, their marks and dashes are their own. */

import { color, runMark } from "./colors.js";
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
