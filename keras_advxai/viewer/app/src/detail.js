/** One sample in a window of its own: through the epsilons, the epochs and the explainers. */

import { button, download, fill, h } from "./dom.js";
import { show } from "./pictures.js";
import { asCsv, chosen } from "./select.js";
import { className, explainerTitle, number, percent } from "./text.js";

/** @typedef {import("./types.js").View} View */
/** @typedef {import("./types.js").State} State */

const MOST_EPOCHS = 12;

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
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step && !(event.target instanceof HTMLInputElement)) this.go(step);
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
    fill(this.body, ...parts);
    if (!this.element.open) this.element.showModal();
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
    const label = samples.label ? `labelled ${className(samples.label[row], about)}` : "without a label";
    const epsilon = about.epsilons[view.level].text;
    const clean = { title: "original", said: this.said(view, samples.prediction[row], samples.confidence[row]), of: null };
    const conditions = about.epsilons.map((item, level) => ({
      title: `epsilon ${item.text}`,
      said: this.said(view, samples.predictions[state.attack][level][row], samples.confidences[state.attack][level][row], samples.prediction[row]),
      moved: samples.dissimilarity[state.metric]?.[state.explainer]?.[state.attack]?.[level]?.[row],
      of: { level },
      chosen: level === view.level,
      pick: { epsilon: item.value },
    }));
    const parts = [h("h3", { text: `Through the epsilons of ${state.attack}` }), this.strip(view, index, [clean, ...conditions])];
    if (about.explainers.length > 1) {
      const explainers = about.explainers.map((item) => ({
        title: explainerTitle(item, about),
        said: item.layers.length ? `at ${item.layers.join(", ")}` : "",
        moved: samples.dissimilarity[state.metric]?.[item.name]?.[state.attack]?.[view.level]?.[row],
        of: { explainer: item.name },
        chosen: item.name === state.explainer,
        pick: { explainer: item.name },
      }));
      parts.push(h("h3", { text: `Explainers, at epsilon ${epsilon}` }), this.strip(view, index, explainers, ["before", "after", "change"]));
    }
    if (view.steps.length > 1) {
      const place = h("div.strip-place", {}, h("p.quiet", { text: "Loading the epochs" }));
      parts.push(h("h3", { text: `Through the epochs, at epsilon ${epsilon}` }), place);
      this.epochs(view, index).then((strip) => fill(place, strip));
    }
    return h("article", {}, h("p.lead", { text: `${isPin ? `Pinned: ${this.name(view, index)}, ` : ""}${label}. Heatmaps of ${state.explainer || "no explainer"}.` }), ...parts);
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
   * @param {{title: string, said: string, moved?: number | null, of: any, chosen?: boolean, pick?: object, view?: View}[]} columns
   */
  strip(view, index, columns, kinds = view.about.explainers.length ? ["image", "heat", "change"] : ["image"]) {
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
      const text = [h("span.title", { text: column.title }), h("span.said", { text: column.said, title: column.said }), h("span.moved", { text: column.moved === undefined ? "" : `moved by ${number(column.moved)}` })];
      const pick = column.pick;
      return pick ? h("button.cell", { type: "button", "aria-pressed": String(Boolean(column.chosen)), onclick: () => this.set(pick) }, ...pictures, ...text) : h("div.cell", {}, ...pictures, ...text);
    });
    return h("div.strip", {}, ...cells);
  }

  /** @param {View} view @param {number} index */
  async epochs(view, index) {
    const every = Math.ceil(view.steps.length / MOST_EPOCHS);
    const steps = view.steps.filter((step, place) => place % every === 0 || step === view.step || place === view.steps.length - 1);
    const columns = await Promise.all(steps.map(async (step) => {
      const details = await this.host.details(view.run.id, step.step);
      const row = details.samples.index.indexOf(index);
      const { attack, metric, explainer } = view.state;
      return {
        title: `epoch ${step.step + 1}`,
        said: row < 0 ? "not among them" : this.said(view, details.samples.predictions[attack][view.level][row], details.samples.confidences[attack][view.level][row], details.samples.prediction[row]),
        moved: details.samples.dissimilarity[metric]?.[explainer]?.[attack]?.[view.level]?.[row],
        of: {}, chosen: step === view.step, pick: { step: step.step }, view: { ...view, step, details },
      };
    }));
    return this.strip(view, index, columns, view.about.explainers.length ? ["before", "after", "change"] : ["image"]);
  }

  /** All pictures of the window as one PNG. */
  asPng() {
    const canvases = /** @type {HTMLCanvasElement[][]} */ ([...this.body.querySelectorAll(".strip")].map((strip) => [...strip.querySelectorAll(".cell")].map((cell) => [...cell.querySelectorAll("canvas")])).flat());
    const size = 160;
    const strips = [...this.body.querySelectorAll(".strip")].map((strip) => [...strip.querySelectorAll(".cell")]);
    const sheet = document.createElement("canvas");
    const tall = (cells) => Math.max(0, ...cells.map((cell) => cell.querySelectorAll("canvas").length)) * (size + 6) + 34;
    sheet.width = Math.max(1, ...strips.map((cells) => cells.length)) * (size + 6);
    sheet.height = strips.reduce((sum, cells) => sum + tall(cells), 0) || 1;
    const context = /** @type {CanvasRenderingContext2D} */ (sheet.getContext("2d"));
    context.fillStyle = "white";
    context.fillRect(0, 0, sheet.width, sheet.height);
    context.imageSmoothingEnabled = false;
    context.font = "12px sans-serif";
    let top = 0;
    for (const cells of strips) {
      cells.forEach((cell, column) => {
        const left = column * (size + 6);
        cell.querySelectorAll("canvas").forEach((canvas, place) => canvas.dataset.state === "shown" && context.drawImage(canvas, left, top + place * (size + 6), size, size));
        context.fillStyle = "black";
        const below = top + tall(cells) - 20;
        context.fillText(cell.querySelector(".title")?.textContent ?? "", left, below, size);
        context.fillText(`${cell.querySelector(".said")?.textContent ?? ""} ${cell.querySelector(".moved")?.textContent ?? ""}`, left, below + 14, size);
      });
      top += tall(cells);
    }
    if (canvases.length) sheet.toBlob((blob) => blob && download(`${this.file()}.png`, blob), "image/png");
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
