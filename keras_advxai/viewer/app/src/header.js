/** What is chosen for the whole page: run, attack, explainer, dissimilarity, epoch and epsilon. */

import { button, choice, fill, h } from "./dom.js";
import { color, dashes } from "./colors.js";
import { explainerTitle } from "./text.js";

/** @typedef {import("./types.js").View} View */
/** @typedef {import("./types.js").State} State */

const PACE = 900; // milliseconds an epoch

export class Header {
  /** @param {(patch: Partial<State>) => void} set */
  constructor(set) {
    this.set = set;
    /** @type {View | null} */
    this.view = null;
    this.known = "";
    this.timer = 0;
    this.model = h("h1");
    this.run = choice("Run", [], (run) => set({ run, step: null, sample: null }));
    this.attack = h("fieldset.attacks", {}, h("legend.label", { text: "Attack" }));
    this.explainer = choice("Explainer", [], (explainer) => set({ explainer }));
    this.metric = choice("Dissimilarity", [], (metric) => set({ metric }));
    this.epsilon = slider("Epsilon", (place) => this.view && set({ epsilon: this.sorted()[place].value }));
    this.epoch = slider("Epoch", (place) => this.view && set({ step: place === this.view.steps.length - 1 ? null : this.view.steps[place].step }));
    this.play = button("Play", () => this.toggle(), { "aria-keyshortcuts": "p" });
    this.epoch.element.append(this.play);
    this.element = h("header.top", {},
      h("div.controls", {}, h("div.title", {}, h("span.brand", { text: "AdvXAI" }), this.model), this.run, this.attack, this.explainer, this.metric, this.epsilon.element, this.epoch.element));
  }

  /** The epsilons from the smallest up. */
  sorted() {
    return [...(this.view?.about.epsilons ?? [])].sort((a, b) => a.value - b.value);
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
      list(this.explainer, about.explainers.map((item) => [item.name, explainerTitle(item, about)]));
      list(this.metric, about.metrics.map((item) => [item.name, item.title]));
      fill(this.attack, this.attack.firstChild, ...about.attacks.map((attack) => this.radio(attack, about)));
    }
    this.run.hidden = view.runs.length < 2;
    this.explainer.hidden = about.explainers.length === 0;
    this.metric.hidden = about.metrics.length < 2;
    this.run.lastChild.value = view.run.id;
    this.explainer.lastChild.value = state.explainer;
    this.metric.lastChild.value = state.metric;
    for (const input of this.attack.querySelectorAll("input")) input.checked = input.value === state.attack;
    const sorted = this.sorted();
    const place = sorted.findIndex((item) => item.value === about.epsilons[view.level].value);
    this.epsilon.update(place, sorted.length, sorted[place]?.text ?? "");
    this.epoch.element.hidden = view.steps.length < 2;
    const at = view.steps.indexOf(view.step);
    const isLatest = at === view.steps.length - 1;
    this.epoch.update(at, view.steps.length, `${view.step.step + 1}${isLatest ? " (latest)" : ""}`);
  }

  /** @param {import("./types.js").Attack} attack @param {import("./types.js").About} about */
  radio(attack, about) {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    line.setAttribute("class", "swatch");
    line.setAttribute("viewBox", "0 0 24 8");
    line.setAttribute("aria-hidden", "true");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    for (const [key, value] of Object.entries({ d: "M1 4H23", stroke: color(attack.name, about), "stroke-dasharray": dashes(attack.name, about) ?? "none" })) path.setAttribute(key, value);
    line.append(path);
    const input = h("input", { type: "radio", name: "attack", value: attack.name, onchange: () => this.set({ attack: attack.name }) });
    return h("label", { title: `${attack.name}, ${attack.norm}${attack.aim === "noise" ? ", the control" : ""}` }, input, line, h("span", { text: attack.name }));
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
    this.timer = setInterval(() => this.go("epoch", 1) || this.toggle(), PACE);
  }
}

/** @param {any} field @param {[string, string][]} options */
function list(field, options) {
  fill(field.lastChild, ...options.map(([value, text]) => h("option", { value, text, title: text })));
}

/** A slider with as many stops as there are values.
 * @param {string} label
 * @param {(place: number) => void} oninput */
function slider(label, oninput) {
  const input = h("input", { type: "range", min: "0", step: "1", "aria-label": label, oninput: () => oninput(Number(input.value)) });
  const output = h("output");
  const element = h("div.slider", {}, h("span.label", { text: label }), input, output);
  const update = (place, count, text) => {
    input.max = String(Math.max(0, count - 1));
    input.value = String(place);
    input.disabled = count < 2;
    input.setAttribute("aria-valuetext", text);
    output.textContent = text;
  };
  return { element, input, update };
}
