/** The words of the page: verdict, findings, figures as a table, provenance. */

import { button, fill, h } from "./dom.js";
import { driftOf, TARGETS } from "./explainers.js";
import { glossed } from "./gloss.js";
import { levelsOf } from "./levels.js";
import { scale } from "./scale.js";
import { chosen } from "./select.js";
import { counted, number, percent } from "./text.js";

/** @typedef {import("./types.js").View} View */

/** The patch that shows the images that keep their prediction while the heatmap moves. @type {Partial<import("./types.js").State>} */
const KEPT_BUT_MOVED = { filter: "moved", label: null, low: null, high: null, flip: "" };

/** @param {HTMLElement} place @param {View} view @param {(patch: Partial<import("./types.js").State>) => void} onpick */
export function verdict(place, view, onpick) {
  const said = view.step.overview.verdict;
  const { attack, explainer, metric } = view.state;
  const drift = view.state.target ? ofTarget(view) : said.drift[metric]?.[explainer]?.[attack]?.[view.level];
  const [headline, known] = said.accuracy[attack]?.[view.level] ?? ["", ""];
  const moved = view.about.task === "regression" ? 0 : chosen({ ...view, state: { ...view.state, ...KEPT_BUT_MOVED } }).length;
  fill(place,
    h("div.words", {},
      h("p.first", { text: headline }),
      h("p", {}, h("span.worth", { text: `${known} ` }), ...glossed(drift ?? ""), " ", moved > 0 && button("Show them", () => onpick(KEPT_BUT_MOVED), { class: "quiet", title: `Show ${counted(moved, "image")} kept, but moved` })),
      h("p.worth", { text: said.worth })),
    scale(view));
}

/** The sentence on another target than the report's own. @param {View} view */
function ofTarget(view) {
  const { attack, explainer, target } = view.state;
  const mod = driftOf(view.figures, view.state)?.attacks[attack]?.mod[view.level];
  const own = driftOf(view.figures, { ...view.state, target: "" })?.attacks[attack]?.mod[view.level];
  return `Heatmaps of ${explainer} for ${TARGETS[target] ?? target} move by ${number(mod)}; those for ${TARGETS[view.about.target] ?? view.about.target} move by ${number(own)}. The pictures below are of the latter.`;
}

/** @param {HTMLElement} place @param {View} view */
export function findings(place, view) {
  const found = view.step.overview.findings;
  const order = ["error", "warning", "note"];
  const count = (kind) => found.filter((item) => item.severity === kind).length;
  const counts = order.filter(count).map((kind) => counted(count(kind), kind));
  const wasOpen = place.querySelector("details")?.open;
  const sorted = [...found].sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
  fill(place, !found.length ? h("p.quiet", { text: "Findings: none." }) :
    h("details", { open: wasOpen },
      h("summary", {}, h("strong", { text: `Findings: ${counts.join(", ")}.` }), h("span.hint", { text: ` ${sorted[0].text}` })),
      h("ul", {}, ...sorted.map((item) => h(`li.${order.includes(item.severity) ? item.severity : "note"}`, {},
        h("p", {}, h("span.tag", { text: item.severity }), item.text),
        item.explanation ? h("details", {}, h("summary", { text: `About ${item.id}` }), ...item.explanation.split("\n\n").map((text) => h("p.explanation", { text: text.replaceAll("`", "") }))) : null)))));
}

/** Every figure of the chosen explainer, for reading aloud, copying and printing.
 * @param {HTMLElement} place @param {View} view */
export function table(place, view) {
  const { about, figures, state } = view;
  const drift = driftOf(figures, state);
  const isRegression = about.task === "regression";
  const at = about.severities.length ? "epsilon or severity" : "epsilon";
  const head = ["attack", at, ...(isRegression ? ["change of the output"] : ["accuracy", "95 % interval", "flipped"]), ...(drift ? ["MOD", "95 % interval", "MOD, flipped", "MOD, kept"] : []), "budget used"];
  const rows = about.attacks.flatMap((attack) => levelsOf(attack.name, about).map((item, level) => {
    const of = figures.attacks[attack.name];
    const moved = drift?.attacks[attack.name];
    const numbers = isRegression ? [number(of.mean_change[level])] : [percent(of.accuracy[level]), range(of.low[level], of.high[level], percent), percent(of.flip_rate[level])];
    const drifts = moved ? [number(moved.mod[level]), range(moved.mod_low[level], moved.mod_high[level], number), number(moved.mod_flipped[level]), number(moved.mod_kept[level])] : [];
    return { cells: [attack.name, item.text, ...numbers, ...drifts, percent(of.budget_used[level], 0)], isFirst: level === 0, isChosen: attack.name === state.attack && level === view.level };
  }));
  const clean = isRegression ? "" : `Clean accuracy ${percent(figures.clean.accuracy)} of ${figures.images.toLocaleString("en")} images. `;
  const vids = drift ? about.attacks.map((attack) => `${attack.name} ${number(drift.attacks[attack.name]?.vid)}`).join(", ") : "";
  const note = `${clean}${drift ? `${state.explainer}, ${state.metric}: chance ${number(drift.chance)}; VID ${vids}.` : ""}`;
  fill(place, h("h2", { text: "Figures" }), h("p.quiet", {}, ...glossed(note)),
    h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Figures" },
      h("table", {}, h("thead", {}, h("tr", {}, ...head.map((text) => h("th", { scope: "col" }, ...glossed(text))))),
        h("tbody", {}, ...rows.map((row) => h(`tr${row.isFirst ? ".first" : ""}${row.isChosen ? ".chosen" : ""}`, {}, ...row.cells.map((text) => h("td", { text }))))))));
}

function range(low, high, text) {
  return low === null || low === undefined ? "–" : `${text(low)} to ${text(high)}`;
}

/** @param {HTMLElement} place @param {View} view */
export function provenance(place, view) {
  const { lines, command, python, settings } = view.step.overview.provenance;
  const wasOpen = place.querySelector("details")?.open;
  fill(place, h("h2", { text: "How it was made" }),
    h("dl", {}, ...lines.flatMap(([name, text]) => [h("dt", { text: name }), h("dd", { text })])),
    command || python ? h("p", { text: "To do it again:" }) : null,
    command ? h("pre", { tabindex: "0" }, h("code", { text: command })) : null,
    python ? h("pre", { tabindex: "0" }, h("code", { text: python })) : null,
    Object.keys(settings ?? {}).length ? h("details", { open: wasOpen }, h("summary", { text: "All settings" }), h("pre", { tabindex: "0" }, h("code", { text: JSON.stringify(settings, null, 2) }))) : null);
}

const KEYS = [["[ and ]", "smaller and larger epsilon or severity"], [", and .", "earlier and later epoch"], ["p", "play the epochs"], ["a", "next attack or corruption"], ["x", "next explainer"], ["j and k", "next and previous sample"], ["Enter", "open the sample"], ["Esc", "close it"]];

/** What the keys do. */
export function keys() {
  return h("details.keys", {}, h("summary", { text: "Keys" }), h("dl", {}, ...KEYS.flatMap(([key, text]) => [h("dt", {}, h("kbd", { text: key })), h("dd", { text })])));
}
