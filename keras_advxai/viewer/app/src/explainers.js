/** Explainers that differ in their layer or their score alone, and what was measured of them. */

/** @typedef {import("./types.js").About} About */
/** @typedef {import("./types.js").Explainer} Explainer */
/** @typedef {import("./types.js").Figures} Figures */
/** @typedef {import("./types.js").Num} Num */
/** @typedef {import("./types.js").State} State */
/** @typedef {import("./types.js").View} View */

/** The layer of an explainer that looks at one. @param {Explainer | undefined} item */
export function layerOf(item) {
  return item?.layers.length === 1 ? item.layers[0] : "";
}

/** @param {string} name @param {About} about */
export function explainer(name, about) {
  return about.explainers.find((item) => item.name === name);
}

/** The families of explainers, in their order. @param {About} about */
export function families(about) {
  return [...new Set(about.explainers.map((item) => item.family))];
}

/** Those of the same family and score at other layers, from the first layer to the last; none where all look at one.
 * @param {string} name
 * @param {About} about */
export function atLayers(name, about) {
  const own = explainer(name, about);
  const same = about.explainers.filter((item) => item.family === own?.family && item.score === own?.score && layerOf(item) && item.depths.length === 1);
  // An explainer of the default layer may stand beside those of all layers.
  const found = same.filter((item, place) => item.name === name || (layerOf(item) !== layerOf(own) && same.findIndex((other) => layerOf(other) === layerOf(item)) === place));
  return found.length < 2 ? [] : found.sort((a, b) => a.depths[0] - b.depths[0]);
}

/** Those of the same family and layer with the two scores; none where there is one.
 * @param {string} name
 * @param {About} about */
export function atScores(name, about) {
  const own = explainer(name, about);
  const found = about.explainers.filter((item) => item.family === own?.family && item.score && layerOf(item) === layerOf(own));
  return own?.score && found.length > 1 ? found : [];
}

/** The explainer of another family that is most alike: of the same score and layer where there is one.
 * @param {string} family
 * @param {string} name The one that is chosen.
 * @param {About} about */
export function ofFamily(family, name, about) {
  const own = explainer(name, about);
  const likeness = (item) => 2 * Number(item.score === own?.score) + Number(layerOf(item) === layerOf(own));
  const found = about.explainers.filter((item) => item.family === family);
  return [...found].sort((a, b) => likeness(b) - likeness(a))[0]?.name ?? name;
}

/**
 * The explainer that is chosen where none is: the first, and of one that was measured at several layers the deepest.
 *
 * @param {About} about
 */
export function usual(about) {
  const first = about.explainers[0]?.name ?? "";
  return atLayers(first, about).at(-1)?.name ?? first;
}

/**
 * The same explainer in another run, whose model may have other names for the same layers: Keras counts what was
 * built before.
 *
 * @param {string} name
 * @param {About} about
 * @param {About} other
 * @returns {string} The name that it has there; its own where there is none.
 */
export function counterpart(name, about, other) {
  const own = explainer(name, about);
  if (!own || explainer(name, other)) return name;
  const alike = other.explainers.filter((item) => item.family === own.family && item.score === own.score);
  const layers = atLayers(name, about);
  if (layers.length < 2) return alike.length === 1 ? alike[0].name : name;
  const theirs = alike.map((item) => atLayers(item.name, other)).find((items) => items.length === layers.length);
  return theirs?.[layers.indexOf(own)]?.name ?? name;
}

export const TARGETS = { predicted: "the predicted class", clean: "the original's class", label: "the label" };

/** The targets for which the heatmaps of the chosen explainer were measured, the report's own first.
 * @param {About} about
 * @param {Figures} figures
 * @param {State} state */
export function targets(about, figures, state) {
  return [about.target, ...Object.keys(figures.drift[state.metric]?.[state.explainer]?.targets ?? {})];
}

/**
 * The drift of the chosen explainer, dissimilarity and target; of another target than the report's own without
 * intervals.
 *
 * @param {Figures} figures
 * @param {State} state
 * @param {string} [name] Another explainer than the chosen one.
 * @returns {{chance: import("./types.js").Num, attacks: Record<string, any>} | undefined}
 */
export function driftOf(figures, state, name = state.explainer) {
  const found = figures.drift[state.metric]?.[name];
  if (!found || !state.target) return found;
  const other = found.targets[state.target];
  return other && { chance: found.chance, attacks: Object.fromEntries(Object.entries(other).map(([attack, of]) => [attack, { mod_low: [], mod_high: [], vid: null, ...of }])) };
}

/** The values of all epochs: an axis of theirs stays as it is while one goes through the epochs, and curves compare.
 * @param {View} view
 * @param {(of: import("./types.js").Drifts) => (Num | undefined)[]} values Of the drift of the chosen explainer, or of
 *   the one that is named.
 * @param {string} [name]
 * @returns {(Num | undefined)[]} */
export function ofAllEpochs(view, values, name = view.state.explainer) {
  return view.steps.flatMap((step) => {
    const found = driftOf(step.overview.figures, view.state, name);
    return found ? values(/** @type {import("./types.js").Drifts} */ (found)) : [];
  });
}

/**
 * The dissimilarities of all listed images of an explainer under all conditions.
 *
 * @param {import("./types.js").Samples | undefined} samples
 * @param {State} state
 * @param {string} [name] Another explainer than the chosen one.
 * @returns {Record<string, (number | null)[][]> | undefined}
 */
export function dissimilarities(samples, state, name = state.explainer) {
  const found = state.target ? samples?.targets[state.target] : samples?.dissimilarity;
  return found?.[state.metric]?.[name];
}
