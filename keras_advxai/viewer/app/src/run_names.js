/** The names of the runs that are laid over one another, each behind its mark, as a chart draws them. */

import * as Plot from "@observablehq/plot";
import { dots, plot } from "./chart_parts.js";
import { h } from "./dom.js";

/** @typedef {import("./types.js").View} View */
/** @typedef {import("./chart_parts.js").Line} Line */

/** The chosen run and those laid over it: null where there is none but the chosen one.
 * @param {View} view
 * @param {Line[]} shown */
export function namesOfRuns(view, shown) {
  if (!shown.length) return null;
  return h("p.runs", {}, `${view.state.attack}: `, item(view.run.name, undefined, null), ...shown.map((line) => item(line.name, line.symbol, line.dash)));
}

/** @param {string} name @param {string | undefined} symbol @param {string | null} dash */
function item(name, symbol, dash) {
  const swatch = plot({
    width: 24, height: 10, margin: 0, axis: null, className: "swatch", x: { domain: [0, 2] }, y: { domain: [0, 2] },
    marks: [Plot.ruleY([1], { strokeWidth: 1.5, strokeDasharray: dash ?? undefined }), dots([{ x: 1, y: 1 }], { color: "currentColor", symbol }, 3)],
  });
  swatch.setAttribute("aria-hidden", "true");
  return h("span.run", { title: name }, swatch, h("span", { text: name }));
}
