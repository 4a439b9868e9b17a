/** The application: it asks a host for data and draws what is chosen of them. */

import { draw } from "./charts.js";
import { Detail } from "./detail.js";
import { button, fill, h } from "./dom.js";
import { counterpart } from "./explainers.js";
import { Gallery } from "./gallery.js";
import { Header } from "./header.js";
import { levelsOn, nearest, scaleOf, SCALES } from "./levels.js";
import { findings, keys, provenance, table, verdict } from "./page.js";
import { Sheets } from "./pictures.js";
import { decode, encode, fitted, missing } from "./state.js";

/** @typedef {import("./types.js").Host} Host */
/** @typedef {import("./types.js").State} State */
/** @typedef {import("./types.js").View} View */

const SCHEMA = 2;
const SOON = 80; // milliseconds that the details of an epoch are waited for before something is drawn without them
const MOST_OTHERS = 5; // runs that are laid over the chosen one

export class App {
  /** @param {Host} host @param {HTMLElement} root */
  constructor(host, root) {
    this.host = host;
    this.root = root;
    /** @type {State} */
    this.state = decode(host.readHash());
    this.isAsked = true; // by an address, which may ask for what is not there
    this.turn = 0;
    /** @type {View | null} */
    this.view = null;
    this.sheets = new Sheets((run, key) => host.picture(run, key));
    const set = (patch) => this.set(patch);
    this.header = new Header(set);
    this.gallery = new Gallery(this.sheets, set);
    this.detail = new Detail(this.sheets, host, set);
    this.missing = h("p.missing", { role: "status", hidden: true });
    this.verdict = h("section.verdict", { "aria-live": "polite", "aria-label": "Verdict" });
    this.findings = h("section.findings", { "aria-label": "Findings" });
    this.charts = h("div.charts");
    this.more = h("div.charts");
    this.table = h("section.figures");
    this.provenance = h("section.provenance");
    this.main = h("main", {}, this.missing, this.verdict, this.findings, h("section", { "aria-label": "Charts" }, this.charts), this.gallery.element, h("section", { "aria-label": "Further charts" }, this.more), this.table, this.provenance, keys());
    host.onTheme((dark) => document.documentElement.setAttribute("data-theme", dark ? "dark" : "light"));
    host.onHash(() => {
      this.state = decode(host.readHash());
      this.isAsked = true;
      this.refresh();
    });
    host.onData(() => this.refresh());
    addEventListener("keydown", (event) => this.key(event));
    let width = innerWidth;
    addEventListener("resize", () => {
      if (width !== innerWidth) this.drawCharts();
      width = innerWidth;
    });
    addEventListener("beforeprint", () => this.print(true));
    addEventListener("afterprint", () => this.print(false));
  }

  /** @param {Partial<State>} patch */
  set(patch) {
    this.missing.hidden = true;
    if (["attack", "explainer", "metric", "target", "run"].some((key) => key in patch)) Object.assign(this.state, { low: null, high: null, flip: "" });
    const isLatest = "step" in patch && this.view && patch.step === this.view.steps[this.view.steps.length - 1]?.step && (patch.run ?? this.view.run.id) === this.view.run.id;
    this.state = { ...this.state, ...patch, ...(isLatest ? { step: null } : {}) };
    this.refresh();
  }

  /** Fetches what is needed for the state, and draws it. */
  async refresh() {
    const turn = ++this.turn;
    try {
      const runs = await this.host.runs();
      if (turn !== this.turn) return;
      if (!runs.length) return this.say("There is nothing to show yet.", this.host.empty);
      const first = runs.find((item) => item.id === this.state.run) ?? runs[runs.length - 1];
      this.ask(first);
      const asked = [first, ...runs.filter((item) => item !== first).slice(0, MOST_OTHERS)];
      const all = await Promise.all(asked.map(async (item) => ({ run: item, steps: await this.host.steps(item.id) })));
      if (turn !== this.turn) return;
      const filled = all.filter((item) => item.steps.length);
      if (!filled.length) return this.say("There is nothing to show yet.", this.host.empty);
      const known = filled.filter((item) => item.steps.every((one) => one.overview.schema === SCHEMA));
      const found = known.find((item) => item.run === first) ?? (this.state.run ? null : known[known.length - 1]);
      if (!found) return this.say("These logs are of another version of keras-advxai.", "Open them with the version that wrote them, or train or evaluate again.", known);
      const { run, steps } = found;
      const wanted = this.state.step;
      const step = steps.find((item) => item.step === wanted) ?? steps[steps.length - 1];
      const { about, figures } = step.overview;
      // A layer may have another name in the run that one comes to.
      if (this.view && this.state.explainer) this.state.explainer = counterpart(this.state.explainer, this.view.about, about);
      const state = fitted({ ...this.state, run: run.id }, about, figures);
      if (this.isAsked) this.answer(state, step.step, about);
      // What it was opened at stays, though another epoch or attack may tell more at another one.
      if (this.state.epsilon === null && scaleOf(state.attack, about) === "epsilon") this.state.epsilon = state.epsilon;
      const places = /** @type {Record<import("./types.js").Scale, number>} */ (Object.fromEntries(SCALES.map((scale) => [scale, nearest(state[scale], levelsOn(scale, about))])));
      const scale = scaleOf(state.attack, about);
      const isKnown = this.view?.run.id === run.id && this.view.step.step === step.step;
      const coming = isKnown && this.view?.details ? this.view.details : this.host.details(run.id, step.step);
      if (coming !== this.view?.details) this.root.dataset.ready = "false";
      // Drawn twice, it would take twice as long until all is there.
      const details = await Promise.race([coming, new Promise((resolve) => setTimeout(() => resolve(null), SOON))]);
      if (turn !== this.turn) return;
      const others = known.filter((item) => item !== found);
      const view = { state, runs, run, steps, step, about, figures, details, scale, places, level: places[scale], others };
      if (details || !this.view || !this.main.isConnected) this.draw(view);
      else this.wait(view);
      if (!details) {
        const come = await coming;
        if (turn === this.turn) this.draw({ ...view, details: come });
      }
    } catch (error) {
      if (turn === this.turn) this.say("The data cannot be read.", error instanceof Error ? error.message : String(error));
    }
  }

  /** Asks for the details of the epoch that will be shown while its overview is still on its way.
   * @param {import("./types.js").Run} run */
  ask({ id, steps }) {
    if (!steps?.length) return;
    const { step } = this.state;
    this.host.details(id, step !== null && steps.includes(step) ? step : steps[steps.length - 1]).catch(() => null);
  }

  /** @param {View} view */
  draw(view) {
    const isNew = !this.view || !this.main.isConnected;
    const before = this.view;
    this.view = view;
    if (isNew) fill(this.root, this.header.element, this.main, this.detail.element);
    this.host.writeHash(encode({ ...this.state, ...(this.state.attack || this.state.explainer ? { attack: this.state.attack && view.state.attack, explainer: this.state.explainer && view.state.explainer } : {}) }));
    this.header.isWaiting = false;
    this.main.classList.remove("waiting");
    this.header.update(view);
    // What has the focus is not to lie below the header.
    document.documentElement.style.scrollPaddingTop = `${this.header.element.offsetHeight + 12}px`;
    const of = (item) => item && JSON.stringify([item.run.id, item.step.step, item.steps.length, item.others.map((other) => other.steps.length), item.state.attack, item.state.explainer, item.state.metric, item.state.target, item.state.low, item.state.high, item.state.flip, item.places, Boolean(item.details), item.runs.length]);
    if (of(before) !== of(view)) {
      verdict(this.verdict, view, (patch) => {
        this.set(patch);
        this.gallery.element.scrollIntoView();
      });
      table(this.table, view);
      this.drawCharts();
    }
    if (before?.step.overview !== view.step.overview) {
      findings(this.findings, view);
      provenance(this.provenance, view);
    }
    this.gallery.update(view);
    this.detail.update(view);
    this.root.dataset.ready = String(Boolean(view.details));
  }

  /** An address that asks for what is not there: it says so, and becomes that of what is shown.
   * @param {State} state @param {number} step @param {import("./types.js").About} about */
  answer(state, step, about) {
    this.isAsked = false;
    this.missing.textContent = missing(this.state, { ...state, step }, about);
    this.missing.hidden = !this.missing.textContent;
    if (this.missing.hidden) return;
    for (const key of ["run", "attack", "explainer", "metric", "target", "epsilon", "severity"]) if (this.state[key] !== null && this.state[key] !== "") this.state[key] = state[key];
    if (this.state.step !== null && this.state.step !== step) this.state.step = null;
  }

  /** What is there stays until the rest has come: without it, the page would be shorter, and its reader elsewhere.
   * @param {View} view */
  wait(view) {
    this.header.isWaiting = true;
    this.header.update(view);
    this.main.classList.add("waiting");
    this.root.dataset.ready = "false";
  }

  drawCharts() {
    if (!this.view) return;
    draw(this.charts, this.more, this.view, (pick) => {
      this.set(pick);
      // They stand below the samples, which are what changes.
      if ("flip" in pick && pick.flip) this.gallery.element.scrollIntoView();
    });
  }

  /** @param {string} title @param {string} text @param {{run: import("./types.js").Run}[]} [runs] Others that can be shown. */
  say(title, text, runs = []) {
    this.view = null;
    fill(this.root, h("main.empty", {}, h("span.brand", { text: "AdvXAI" }), h("h1", { text: title }), h("p", { text }),
      ...runs.map(({ run }) => button(`Show ${run.name}`, () => this.set({ run: run.id, step: null })))));
    this.root.dataset.ready = "true";
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || !this.view || ["INPUT", "SELECT", "TEXTAREA"].includes(target.tagName ?? "")) {
      if (!(target instanceof HTMLInputElement && target.type === "range" && "[],.pax".includes(event.key)) || !this.view) return;
    }
    const next = (items, name) => items[(items.findIndex((item) => item.name === name) + 1) % items.length]?.name ?? "";
    const { about, state } = this.view;
    const actions = {
      "[": () => this.header.go("epsilon", -1),
      "]": () => this.header.go("epsilon", 1),
      ",": () => this.header.go("epoch", -1),
      ".": () => this.header.go("epoch", 1),
      p: () => this.view && this.view.steps.length > 1 && this.header.toggle(),
      a: () => this.set({ attack: next(about.attacks, state.attack) }),
      x: () => this.set({ explainer: next(about.explainers, state.explainer) }),
      j: () => this.first(),
      k: () => this.first(),
    };
    actions[event.key]?.();
  }

  /** From anywhere into the gallery. */
  first() {
    if (this.gallery.list.contains(document.activeElement)) return;
    this.gallery.element.scrollIntoView();
    this.gallery.paint();
    /** @type {HTMLElement | null} */ (this.gallery.list.querySelector(".open"))?.focus();
  }

  /** @param {boolean} isPrinting */
  print(isPrinting) {
    const root = document.documentElement;
    if (isPrinting) {
      root.dataset.was = root.getAttribute("data-theme") ?? "light";
      root.setAttribute("data-theme", "light");
    } else root.setAttribute("data-theme", root.dataset.was ?? "light");
    // What is folded up cannot be opened on paper.
    const folded = this.findings.querySelector("details");
    if (folded) folded.open = isPrinting;
    this.gallery.print(isPrinting);
  }
}
