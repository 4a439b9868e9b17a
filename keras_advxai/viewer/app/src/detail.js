/** One sample in a window of its own: through the epsilons, the epochs and the explainers. */

import { color } from "./colors.js";
import { button, download, fill, h } from "./dom.js";
import { atLayers, atScores, dissimilarities, explainer, families, layerOf, ofFamily } from "./explainers.js";
import { levelsOf, levelText } from "./levels.js";
import { reducedText, show } from "./pictures.js";
import { bars, labelsOf, likely, ofOriginal, shownClasses } from "./probabilities.js";
import { asCsv, chosen } from "./select.js";
import { sheetOf } from "./sheet.js";
import { className, number, percent } from "./text.js";

/** @typedef {import("./types.js").View} View */
/** @typedef {import("./types.js").State} State */

const MOST_EPOCHS = 12;

/** What stands in front of the lines of pictures. */
const ROWS = { image: "image", heat: "heatmap", before: "heatmap, original", after: "heatmap, after", change: "change of the heatmap" };

export class Detail {
  /**
   * @param {import("./pictures.js").Sheets} sheets
   * @param {import("./types.js").Host} host
   * @param {(patch: Partial<State>) => void} set
   */
  constructor(sheets, host, set) {
    this.sheets = sheets;
    this.host = host;
    this.set = set;
    this.signature = "";
    this.title = h("h2", { id: "detail-title" });
    this.body = h("div.body");
    this.pin = button("Pin beside others", () => this.view && set({ pin: this.isPinned() ? null : this.view.state.sample }));
    this.element = h("dialog.detail", { "aria-labelledby": "detail-title", onclose: () => set({ sample: null }) },
      h("header", {}, this.title,
        h("div.actions", {},
          button("Previous", () => this.go(-1), { "aria-keyshortcuts": "ArrowLeft" }),
          button("Next", () => this.go(1), { "aria-keyshortcuts": "ArrowRight" }),
          this.pin,
          button("Download PNG", () => this.asPng()),
          button("Download rows as CSV", () => this.asCsv()),
          button("Close", () => this.element.close(), { class: "primary", autofocus: true }))),
      this.body);
    this.element.addEventListener("keydown", (event) => {
      const step = stepOf(event);
      if (!step || event.target instanceof HTMLInputElement) return;
      // It goes to another sample here, and neither scrolls nor goes through the gallery behind.
      event.preventDefault();
      event.stopPropagation();
      this.go(step);
    });
    this.element.addEventListener("click", (event) => event.target === this.element && this.element.close());
  }

  isPinned() {
    return this.view?.state.pin === this.view?.state.sample;
  }

  /** The next sample in the order of the gallery. @param {number} step */
  go(step) {
    const view = this.view;
    if (!view?.details) return;
    const order = chosen(view).map((row) => view.details?.samples.index[row] ?? -1);
    const place = order.indexOf(view.state.sample ?? -1) + step;
    if (place >= 0 && place < order.length) this.set({ sample: order[place] });
  }

  /** @param {View} view */
  async update(view) {
    this.view = view;
    const { state, details } = view;
    if (state.sample !== null && !details) return; // those of another epoch are coming, and the window stays
    const row = details ? details.samples.index.indexOf(state.sample ?? -1) : -1;
    if (state.sample === null || !details || row < 0) {
      this.signature = "";
      if (this.element.open) this.element.close();
      return;
    }
    const signature = JSON.stringify([state, view.step.step, view.level, view.steps.length]);
    if (signature === this.signature) return;
    this.signature = signature;
    this.title.textContent = this.name(view, state.sample);
    this.pin.textContent = this.isPinned() ? "Unpin" : "Pin beside others";
    this.pin.setAttribute("aria-pressed", String(this.isPinned()));
    const parts = [this.of(view, state.sample)];
    if (state.pin !== null && state.pin !== state.sample && details.samples.index.includes(state.pin)) parts.push(this.of(view, state.pin, true));
    this.body.classList.toggle("two", parts.length > 1);
    fill(this.body, ...parts);
    if (!this.element.open) this.element.showModal();
    for (const strip of this.body.querySelectorAll(".strip")) uncover(strip);
  }

  /** @param {View} view @param {number} index */
  name(view, index) {
    const samples = view.details?.samples;
    return samples?.name?.[samples.index.indexOf(index)] || `image ${index}`;
  }

  /** @param {View} view @param {number} index */
  of(view, index, isPin = false) {
    const { about, state } = view;
    const samples = /** @type {import("./types.js").Samples} */ (view.details?.samples);
    const row = samples.index.indexOf(index);
    const label = samples.label ? `Labelled ${className(samples.label[row], about)}` : "Without a label";
    const level = levelText(state.attack, about, view.level);
    const all = levelsOf(state.attack, about).map((_, place) => likely(view.details, index, state.attack, place));
    const clean = { title: "original", said: this.said(view, samples.prediction[row], samples.confidence[row]), of: null, likely: ofOriginal(all) };
    const moved = dissimilarities(samples, state)?.[state.attack];
    const conditions = levelsOf(state.attack, about).map((item, place) => ({
      title: `${view.scale} ${item.text}`,
      said: this.said(view, samples.predictions[state.attack][place][row], samples.confidences[state.attack][place][row], samples.prediction[row]),
      moved: moved?.[place]?.[row],
      of: { level: place },
      likely: all[place],
      chosen: place === view.level,
      pick: { [view.scale]: item.value },
      value: item.value,
    })).sort((a, b) => a.value - b.value);
    const scales = view.scale === "severity" ? "severities" : "epsilons";
    const parts = [h("h3", { text: `Through the ${scales} of ${state.attack}` }), this.strip(view, index, [clean, ...conditions])];
    for (const { title, items } of this.comparisons(view)) {
      const columns = items.map(([name, text]) => ({
        title: text,
        said: layersText(explainer(name, about)),
        moved: dissimilarities(samples, state, name)?.[state.attack]?.[view.level]?.[row],
        of: { explainer: name },
        chosen: name === state.explainer,
        pick: { explainer: name },
      }));
      parts.push(h("h3", { text: `${title}, at ${level}` }), this.strip(view, index, columns, ["before", "after", "change"]));
    }
    if (view.steps.length > 1) {
      const place = h("div.strip-place", {}, h("p.quiet", { text: "Loading the epochs" }));
      parts.push(h("h3", { text: `Through the epochs, at ${level}` }), place);
      this.epochs(view, index)
        .then((strip) => uncover(fill(place, strip).firstElementChild))
        .catch(() => fill(place, h("p.quiet", { text: "The epochs cannot be read." })));
    }
    const reduced = [reducedText(view), leftOut(view)].filter(Boolean).join(" ");
    const lead = `${isPin ? `Pinned: ${this.name(view, index)}. ` : ""}${label}. ${state.explainer ? `Heatmaps of ${state.explainer}. ` : ""}${reduced}`;
    return h("article", {}, h("p.lead", { text: lead }), ...parts);
  }

  /** What the chosen explainer is compared with: other layers, the other score, other explainers.
   * @param {View} view
   * @returns {{title: string, items: [string, string][]}[]} */
  comparisons({ about, state }) {
    const layers = atLayers(state.explainer, about);
    const scores = atScores(state.explainer, about);
    const others = families(about);
    return [
      { title: `Layers of ${explainer(state.explainer, about)?.family}`, items: layers.map((item) => /** @type {[string, string]} */ ([item.name, layerOf(item)])) },
      { title: "Without and with the softmax", items: scores.map((item) => /** @type {[string, string]} */ ([item.name, item.score === "probability" ? "with (probability)" : "without (logit)"])) },
      { title: "Explainers", items: others.map((family) => /** @type {[string, string]} */ ([ofFamily(family, state.explainer, about), family])) },
    ].filter((each) => each.items.length > 1);
  }

  /** @param {View} view @param {number} prediction @param {number | null} confidence */
  said(view, prediction, confidence, before = prediction) {
    if (view.about.task === "regression") return "";
    return `${prediction === before ? "" : "→ "}${className(prediction, view.about)} ${percent(confidence, 0)}`;
  }

  /**
   * Pictures beside one another, a column for each condition.
   *
   * @param {View} view
   * @param {number} index
   * @param {{title: string, said: string, moved?: number | null, of: any, chosen?: boolean, pick?: object, view?: View, likely?: import("./types.js").Likely[] | null}[]} columns
   */
  strip(view, index, columns, kinds = view.about.explainers.length ? ["image", "heat", "change"] : ["image"]) {
    const labels = labelsOf(view.details, index);
    const classes = shownClasses(columns.map((column) => column.likely ?? null), labels);
    const cells = columns.map((column) => {
      const own = column.view ?? view;
      const pictures = kinds.map((kind) => {
        const isClean = column.of === null;
        const shown = { image: isClean ? "original" : "adversarial", heat: isClean ? "before" : "after" }[kind] ?? kind;
        if (isClean && kind === "change") return h("canvas", { "aria-hidden": "true", style: { visibility: "hidden" } });
        const canvas = h("canvas", { role: "img", "aria-label": `${column.title}: ${shown}` });
        show(canvas, this.sheets.picture(own, index, shown, column.of ?? {}));
        return canvas;
      });
      const title = h("span.title", { text: column.title, title: column.title });
      const text = [h("span.said", { text: column.said, title: column.said }), h("span.moved", { text: column.moved === undefined ? "" : `moved by ${number(column.moved)}` })];
      if (classes.length) text.push(bars(column.likely ?? null, classes, { about: own.about, labels, color: column.of ? color(own.state.attack, own.about) : null }));
      const pick = column.pick;
      return pick ? h("button.cell", { type: "button", "aria-pressed": String(Boolean(column.chosen)), onclick: () => this.set(pick) }, title, ...pictures, ...text) : h("div.cell", {}, title, ...pictures, ...text);
    });
    const names = kinds.map((kind) => h("span.kind", { text: ROWS[kind] }));
    const legend = classes.length ? [h("span"), h("span"), h("span.legend", { text: `probability; gray: original${labels.length ? "; bold: label" : ""}` })] : [];
    const strip = h("div.strip", {}, h("div.kinds", { "aria-hidden": "true" }, h("span"), ...names, ...legend), ...cells);
    // Cells share their lines, so that pictures of one kind stand beside one another.
    strip.style.setProperty("--lines", String(kinds.length + (classes.length ? 4 : 3)));
    return strip;
  }

  /** @param {View} view @param {number} index */
  async epochs(view, index) {
    const every = Math.ceil(view.steps.length / MOST_EPOCHS);
    const steps = view.steps.filter((step, place) => place % every === 0 || step === view.step || place === view.steps.length - 1);
    const columns = await Promise.all(steps.map(async (step) => {
      const details = await this.host.details(view.run.id, step.step);
      const row = details.samples.index.indexOf(index);
      const { attack } = view.state;
      return {
        title: `epoch ${step.step + 1}`,
        said: row < 0 ? "not among them" : this.said(view, details.samples.predictions[attack][view.level][row], details.samples.confidences[attack][view.level][row], details.samples.prediction[row]),
        moved: dissimilarities(details.samples, view.state)?.[attack]?.[view.level]?.[row],
        likely: likely(details, index, attack, view.level),
        of: {}, chosen: step === view.step, pick: { step: step.step }, view: { ...view, step, details },
      };
    }));
    return this.strip(view, index, columns, view.about.explainers.length ? ["before", "after", "change"] : ["image"]);
  }

  /** All pictures of the window as one PNG. */
  asPng() {
    sheetOf(this.title.textContent ?? "", this.body).toBlob((blob) => blob && download(`${this.file()}.png`, blob), "image/png");
  }

  asCsv() {
    const view = this.view;
    if (!view?.details || view.state.sample === null) return;
    const text = asCsv(view, view.details.samples.index.indexOf(view.state.sample));
    download(`${this.file()}.csv`, new Blob([text], { type: "text/csv" }));
  }

  file() {
    return `image-${this.view?.state.sample}`;
  }
}

/** Which sample a key goes to: the next, the previous, or none.
 * @param {{key: string, ctrlKey?: boolean, metaKey?: boolean, altKey?: boolean}} event */
export function stepOf({ key, ctrlKey, metaKey, altKey }) {
  return ctrlKey || metaKey || altKey ? 0 : ({ ArrowLeft: -1, k: -1, ArrowRight: 1, j: 1 }[key] ?? 0);
}

/** What is told of pictures that were left out. @param {View} view */
function leftOut({ details, state }) {
  const kept = details?.pictures?.attacks[state.attack];
  return kept?.some((where) => where === null) ? "Hatched images were left out to keep the file small; their heatmaps lie over the original." : "";
}

/** At which layers an explainer looks. @param {import("./types.js").Explainer | undefined} item */
function layersText(item) {
  return item?.layers.length ? `at ${item.layers.join(", ")}` : "";
}

/** Moves what is chosen in a strip into sight, and nothing else. @param {any} strip */
function uncover(strip) {
  const chosen = strip.querySelector('[aria-pressed="true"]');
  if (chosen) strip.scrollLeft = chosen.offsetLeft - strip.offsetLeft + chosen.offsetWidth - strip.clientWidth;
}
