/** What is chosen for the whole page: run, attack, explainer, layer, score, dissimilarity, target, epoch, epsilon. */

import { button, choice, fill, h, svg } from "./dom.js";
import { color, dashes } from "./colors.js";
import { atLayers, atScores, explainer, families, layerOf, ofFamily, targets } from "./explainers.js";
import { attacksOn, levelsOf, scaleOf, SCALES } from "./levels.js";
import { ends } from "./text.js";

/** @typedef {import("./types.js").View} View */
/** @typedef {import("./types.js").State} State */

const MANY = 9; // attacks, which are scrolled through in two lines
const PACE = 900; // milliseconds an epoch

export class Header {
  /** @param {(patch: Partial<State>) => void} set */
  constructor(set) {
    this.set = set;
    /** @type {View | null} */
    this.view = null;
    this.known = "";
    this.timer = 0;
    this.isWaiting = false; // for what the chosen epoch has
    this.model = h("h1");
    this.run = choice("Run", [], (run) => set({ run, step: null, sample: null }));
    this.attack = h("fieldset.attacks", {}, h("legend.label", { text: "Attack" }));
    this.explainer = choice("Explainer", [], (family) => this.view && set({ explainer: ofFamily(family, this.view.state.explainer, this.view.about) }));
    this.layer = choice("Layer", [], (name) => set({ explainer: name }));
    this.score = choice("Score", [], (name) => set({ explainer: name }));
    this.metric = choice("Dissimilarity", [], (metric) => set({ metric }));
    this.target = choice("Target class", [], (target) => this.view && set({ target: target === this.view.about.target ? "" : target }));
    // One slider for both scales: what the chosen attack has.
    this.epsilon = slider("Epsilon", (place) => this.view && set({ [this.view.scale]: this.sorted()[place].value }));
    this.epoch = slider("Epoch", (place) => this.view && set({ step: place === this.view.steps.length - 1 ? null : this.view.steps[place].step }));
    this.play = button("Play", () => this.toggle(), { "aria-keyshortcuts": "p" });
    this.epoch.element.append(this.play);
    this.element = h("header.top", {},
      h("div.controls", {}, h("div.title", {}, h("span.brand", { text: "AdvXAI" }), this.model), this.run, this.attack, this.explainer, this.layer, this.score, this.metric, this.target, this.epsilon.element, this.epoch.element));
  }

  /** The epsilons or severities from the smallest up. */
  sorted() {
    return this.view ? [...levelsOf(this.view.state.attack, this.view.about)].sort((a, b) => a.value - b.value) : [];
  }

  /** @param {View} view */
  update(view) {
    this.view = view;
    const { about, state } = view;
    const known = JSON.stringify([about, view.runs]);
    if (known !== this.known) {
      this.known = known;
      this.model.textContent = about.model;
      list(this.run, view.runs.map((run) => [run.id, run.name]));
      list(this.metric, about.metrics.map((item) => [item.name, item.title]));
      list(this.explainer, families(about).map((name) => [name, name]));
      fill(this.attack, this.attack.firstChild, ...about.attacks.map((attack) => this.radio(attack, about)));
      const kinds = SCALES.filter((scale) => attacksOn(scale, about).length).map((scale) => (scale === "severity" ? "corruption" : "attack"));
      this.attack.firstChild.textContent = kinds.join(" or ").replace(/^./, (letter) => letter.toUpperCase());
      this.attack.classList.toggle("many", about.attacks.length > MANY);
    }
    this.run.hidden = view.runs.length < 2;
    this.metric.hidden = about.metrics.length < 2;
    this.explainer.hidden = about.explainers.length === 0;
    this.run.lastChild.value = view.run.id;
    this.metric.lastChild.value = state.metric;
    this.explainer.lastChild.value = explainer(state.explainer, about)?.family ?? "";
    offer(this.layer, atLayers(state.explainer, about).map((item) => [item.name, ends(layerOf(item))]), state.explainer);
    offer(this.score, atScores(state.explainer, about).map((item) => [item.name, String(item.score)]), state.explainer);
    offer(this.target, targets(about, view.figures, state).map((name) => [name, name === "clean" ? "original's" : name]), state.target || about.target);
    for (const input of this.attack.querySelectorAll("input")) input.checked = input.value === state.attack;
    const sorted = this.sorted();
    const place = sorted.findIndex((item) => item.value === state[view.scale]);
    this.epsilon.rename(view.scale === "severity" ? "Severity" : "Epsilon");
    this.epsilon.update(place, sorted.length, sorted[place]?.text ?? "");
    this.epoch.element.hidden = view.steps.length < 2;
    const at = view.steps.indexOf(view.step);
    const isLatest = at === view.steps.length - 1;
    this.epoch.update(at, view.steps.length, `${view.step.step + 1}${isLatest ? " (latest)" : ""}`);
  }

  /** @param {import("./types.js").Attack} attack @param {import("./types.js").About} about */
  radio(attack, about) {
    const line = svg("svg", { class: "swatch", viewBox: "0 0 24 8", "aria-hidden": "true" },
      svg("path", { d: "M1 4H23", stroke: color(attack.name, about), "stroke-dasharray": dashes(attack.name, about) ?? "none" }));
    const input = h("input", { type: "radio", name: "attack", value: attack.name, onchange: () => this.set({ attack: attack.name }) });
    const kind = attack.aim === "corruption" ? "a corruption" : `${attack.norm}${attack.aim === "noise" ? ", the control" : ""}`;
    return h(`label${scaleOf(attack.name, about) === "severity" ? ".corruption" : ""}`, { title: `${attack.name}, ${kind}` }, input, line, h("span", { text: attack.name }));
  }

  /** One epsilon or epoch further. @param {"epsilon" | "epoch"} which @param {number} step */
  go(which, step) {
    const { input } = this[which];
    const place = Math.min(Number(input.max), Math.max(0, Number(input.value) + step));
    if (place === Number(input.value)) return false;
    input.value = String(place);
    input.dispatchEvent(new Event("input"));
    return true;
  }

  /** Runs through the epochs, or stops. */
  toggle() {
    const isPlaying = this.timer !== 0;
    clearInterval(this.timer);
    this.timer = 0;
    this.play.textContent = isPlaying ? "Play" : "Pause";
    if (isPlaying || !this.view) return;
    if (this.view.step === this.view.steps[this.view.steps.length - 1]) this.set({ step: this.view.steps[0].step });
    this.timer = setInterval(() => this.isWaiting || this.go("epoch", 1) || this.toggle(), PACE);
  }
}

/** @param {any} field @param {[string, string][]} options */
function list(field, options) {
  fill(field.lastChild, ...options.map(([value, text]) => h("option", { value, text, title: value })));
}

/** The same where there is a choice; without one, the field is not there.
 * @param {any} field @param {[string, string][]} options @param {string} value */
function offer(field, options, value) {
  field.hidden = options.length < 2;
  const known = JSON.stringify(options);
  if (field.dataset.known !== known) list(field, options);
  field.dataset.known = known;
  field.lastChild.value = value;
  field.lastChild.title = value;
}

/** A slider with as many stops as there are values.
 * @param {string} label
 * @param {(place: number) => void} oninput */
function slider(label, oninput) {
  const input = h("input", { type: "range", min: "0", step: "1", "aria-label": label, oninput: () => oninput(Number(input.value)) });
  const output = h("output");
  const title = h("span.label", { text: label });
  const element = h("div.slider", {}, title, input, output);
  const rename = (name) => {
    title.textContent = name;
    input.setAttribute("aria-label", name);
  };
  const update = (place, count, text) => {
    input.max = String(Math.max(0, count - 1));
    input.value = String(place);
    input.disabled = count < 2;
    input.setAttribute("aria-valuetext", text);
    output.textContent = text;
  };
  return { element, input, update, rename };
}
