/** The samples as a list of which only what is in sight is drawn. */

import { button, choice, fill, h } from "./dom.js";
import { TARGETS } from "./explainers.js";
import { KINDS, kindText, reducedText, show } from "./pictures.js";
import { chosen, movedBy } from "./select.js";
import { FILTERS, SORTS, VIEWS } from "./state.js";
import { className, counted, ending, number, percent } from "./text.js";

/** @typedef {import("./types.js").View} View */
/** @typedef {import("./types.js").State} State */

const GAP = 12;
const BEYOND = 400; // pixels above and below that are drawn, too
const PRINTED = 10; // rows
const BLINK = 700; // milliseconds
const LABEL = 196;
const NO_PICTURES = "There are no pictures. Evaluate with explainers and images=16 to have some; a report that was read from a file has none.";
const FEW = 5; // lines of rows, before all are asked for

export class Gallery {
  /**
   * @param {import("./pictures.js").Sheets} sheets
   * @param {(patch: Partial<State>) => void} set
   */
  constructor(sheets, set) {
    this.sheets = sheets;
    this.set = set;
    /** @type {View | null} */
    this.view = null;
    /** @type {number[]} */
    this.rows = [];
    /** @type {Map<number, HTMLElement>} Place in the list to its row. */
    this.drawn = new Map();
    this.signature = "";
    this.isPrinting = false;
    /** @type {boolean[]} Whether the rows have pictures. */
    this.full = [];
    /** @type {{top: number, left: number, bottom: number}[]} Where the rows are. */
    this.places = [];
    this.tile = this.tall = this.rowHeight = this.bare = this.across = 1;
    this.count = h("p.count", { "aria-live": "polite" });
    this.list = h("div.list", { role: "list", "aria-label": "Samples" });
    const options = (of) => /** @type {[string, string][]} */ (Object.entries(of));
    this.note = h("p.hint.note");
    this.wipe = h("input", { type: "range", min: "0", max: "1", step: "0.05", "aria-label": "Where the pictures are wiped", oninput: () => set({ wipe: Number(this.wipe.value) }) });
    this.wiped = h("label.field", {}, h("span.label", { text: "Wipe" }), this.wipe);
    this.chips = h("div.chips", { role: "group", "aria-label": "What is shown alone" });
    this.heads = h("div.heads", { "aria-hidden": "true" });
    this.isWhole = false;
    this.more = h("button.more", { type: "button", onclick: () => this.open() });
    this.sort = choice("Sort by", options(SORTS), (sort) => set({ sort }));
    this.filter = choice("Show", options(FILTERS), (filter) => set({ filter }));
    this.label = choice("Class", [["", "all classes"]], (text) => set({ label: text === "" ? null : Number(text) }));
    this.looks = choice("Compare", options(VIEWS), (view) => set({ view }));
    this.alpha = h("input", { type: "range", min: "0", max: "1", step: "0.05", "aria-label": "Opacity of the heatmaps", oninput: () => set({ alpha: Number(this.alpha.value) }) });
    this.element = h("section.gallery", { "aria-labelledby": "gallery-title" },
      h("div.section-head", {},
        h("div", {}, h("h2", { id: "gallery-title", text: "Samples" }), this.count, this.chips),
        h("div.tools", {}, this.filter, this.label, this.sort, this.looks, this.wiped, h("label.field", {}, h("span.label", { text: "Heatmaps" }), this.alpha))),
      this.note,
      this.heads,
      this.list,
      this.more);
    addEventListener("scroll", () => this.paint(), { passive: true });
    addEventListener("resize", () => this.isPrinting || this.update(this.view, true));
    setInterval(() => this.list.classList.toggle("odd"), BLINK);
    this.list.addEventListener("keydown", (event) => this.move(event));
  }

  /** @param {View | null} view */
  update(view, isResized = false) {
    if (!view) return;
    this.view = view;
    const { state, about, details } = view;
    for (const [field, value] of [[this.sort, state.sort], [this.filter, state.filter], [this.looks, state.view]]) field.lastChild.value = value;
    this.alpha.value = String(state.alpha);
    this.wipe.value = String(state.wipe);
    this.wiped.hidden = state.view !== "wipe";
    this.list.style.setProperty("--wiped", `${100 * state.wipe}%`);
    this.chip(filters(state, about));
    this.note.textContent = [reducedText(view), state.target && details?.pictures ? `Heatmaps of the pictures explain ${TARGETS[about.target] ?? about.target}.` : "", details && !details.pictures ? NO_PICTURES : ""].filter(Boolean).join(" ");
    this.note.hidden = !this.note.textContent;
    const classes = details?.samples.label ?? details?.samples.prediction ?? [];
    const known = [...new Set(classes)].sort((a, b) => a - b);
    if (this.label.dataset.known !== known.join()) {
      this.label.dataset.known = known.join();
      fill(this.label.lastChild, h("option", { value: "", text: "all classes" }), ...known.map((index) => h("option", { value: String(index), text: ending(className(index, about), 40) })));
    }
    this.label.lastChild.value = state.label === null ? "" : String(state.label);
    this.rows = chosen(view);
    const drawn = new Set(details?.pictures?.indices ?? []);
    this.full = this.rows.map((row) => drawn.has(details?.samples.index[row] ?? -1));
    const shown = this.full.filter(Boolean).length;
    const all = details?.samples.index.length ?? 0;
    const isKept = !details?.pictures || details.pictures.attacks[state.attack]?.[view.level];
    const left = isKept ? "" : "; adversarial images of this condition were left out to keep the file small";
    this.count.textContent = !details ? "Loading" : `${this.rows.length.toLocaleString("en")} of ${counted(all, "image")}${shown < this.rows.length ? `, ${shown} with pictures` : ""}${left}`;
    const signature = JSON.stringify([state.run, view.step.step, state.attack, state.explainer, state.metric, state.target, view.level, state.view, state.alpha, this.rows, isResized && innerWidth]);
    if (signature === this.signature && !isResized) return;
    this.signature = signature;
    this.list.dataset.view = state.view;
    this.measure(view);
    this.drawn.forEach((row) => row.remove());
    this.drawn.clear();
    this.paint();
    // What may be printed is at hand then: paper does not wait for a picture.
    setTimeout(() => this.view === view && this.rows.slice(0, PRINTED).filter((_, place) => this.full[place]).forEach((row) => this.fetch(view, row)), 1000);
  }

  /** What is filtered by, each with a way to have all again. @param {ReturnType<typeof filters>} shown */
  chip(shown) {
    const known = JSON.stringify(shown);
    if (this.chips.dataset.known === known) return;
    this.chips.dataset.known = known;
    const hadFocus = this.chips.contains(document.activeElement);
    fill(this.chips, ...shown.map(({ text, clear }) => button(`${text} ×`, () => this.set(clear), { class: "chip", title: `Show all again, not only ${text}`, "aria-label": `${text}: show all again` })));
    // The one that was pressed is gone.
    if (hadFocus) (this.chips.querySelector("button") ?? this.filter.lastChild).focus({ preventScroll: true });
  }

  /** Has the pictures of a row ready. @param {View} view @param {number} row */
  fetch(view, row) {
    const index = view.details?.samples.index[row] ?? -1;
    for (const kind of this.kinds(view)) this.sheets.picture(view, index, kind).catch(() => null);
  }

  /** How large a row and its tiles are. @param {View} view */
  measure(view) {
    const room = this.list.clientWidth || 1200;
    const kinds = this.kinds(view).length;
    const [height, width] = view.details?.pictures?.size ?? [1, 1];
    const across = view.state.view === "side" ? (room - LABEL - (kinds + 1) * GAP) / kinds : Math.min(300, (room - LABEL) / 2);
    this.tile = Math.max(48, Math.min(view.state.view === "side" ? 220 : 300, Math.floor(across)));
    this.tall = Math.min(this.tile, Math.round((this.tile * height) / width)) || this.tile;
    this.rowHeight = this.tall + (view.state.view === "side" ? 17 : 34);
    this.bare = 44; // a row without pictures
    this.across = view.state.view === "side" ? 1 : Math.max(1, Math.floor((room + GAP) / (LABEL + this.tile + 2 * GAP)));
    this.element.style.setProperty("--tile", `${this.tile}px`);
    this.list.style.setProperty("--tall", `${this.tall}px`);
    const hasPictures = Boolean(view.details?.pictures);
    this.heads.hidden = !hasPictures;
    fill(this.heads, ...(view.state.view === "side" ? this.kinds(view).map((kind) => h("span", { text: kindText(kind, view) })) : []));
    this.places = laidOut(this.full, { tall: this.rowHeight, bare: this.bare, across: this.across, wide: LABEL + this.tile + 2 * GAP });
    this.fit();
  }

  /** How many rows there is room for: a few, until all are asked for. */
  get most() {
    return this.isPrinting ? Math.min(PRINTED, this.full.lastIndexOf(true) + 1) : this.isWhole ? this.rows.length : Math.min(FEW * this.across, this.rows.length);
  }

  /** The height of the list, and whether there is more. */
  fit() {
    this.list.style.height = `${Math.max(0, ...this.places.slice(Math.max(0, this.most - this.across), this.most).map((place) => place.bottom))}px`;
    this.more.hidden = this.rows.length <= FEW * this.across;
    this.more.textContent = this.isWhole ? "Show fewer" : `Show all ${this.rows.length.toLocaleString("en")}`;
  }

  /** All rows, or a few again. */
  open() {
    this.isWhole = !this.isWhole;
    this.fit();
    if (!this.isWhole) this.element.scrollIntoView();
    this.paint();
  }

  /** Where a row begins, as a style. @param {number} place */
  at(place) {
    const { top, left } = this.places[place];
    return { transform: `translate(${left}px, ${top}px)`, width: this.full[place] && this.across > 1 ? `${LABEL + this.tile + GAP}px` : "100%" };
  }

  /** @param {View} view */
  kinds(view) {
    const all = view.about.explainers.length ? Object.keys(KINDS) : ["original", "adversarial", "perturbation"];
    return view.state.view === "side" ? all : view.about.explainers.length ? ["before", "after"] : ["original", "adversarial"];
  }

  /** Draws the rows that are in sight, and takes the others away. */
  paint() {
    const view = this.view;
    if (!view) return;
    const box = this.list.getBoundingClientRect();
    const [from, to] = [-box.top - BEYOND, -box.top + innerHeight + BEYOND];
    const inSight = (/** @type {{top: number, bottom: number}} */ of) => of.bottom >= from && of.top <= to;
    const [first, last] = this.isPrinting ? [0, this.most - 1] : firstAndLast(this.places.slice(0, this.most), inSight);
    for (const [place, row] of this.drawn) {
      if ((place < first || place > last) && !row.contains(document.activeElement)) {
        row.remove();
        this.drawn.delete(place);
      }
    }
    for (let place = first; place <= last; place++) {
      if (this.drawn.has(place)) continue;
      const row = this.row(view, place);
      this.drawn.set(place, row);
      this.list.append(row);
    }
  }

  /** @param {View} view @param {number} place */
  row(view, place) {
    const { state, about, level } = view;
    const samples = /** @type {import("./types.js").Samples} */ (view.details?.samples);
    const row = this.rows[place];
    const index = samples.index[row];
    const after = samples.predictions[state.attack]?.[level]?.[row] ?? -1;
    const isFlipped = samples.flipped[state.attack]?.[level]?.[row];
    const name = samples.name?.[row] || `image ${index}`;
    const said = about.task === "regression" ? null : h("p.said", {},
      h("span", { text: `${className(samples.prediction[row], about)} ${percent(samples.confidence[row], 0)}` }),
      h(isFlipped ? "strong" : "span", { text: `→ ${className(after, about)} ${percent(samples.confidences[state.attack]?.[level]?.[row], 0)}` }));
    const label = h("div.about", {},
      h("button.open", { type: "button", text: ending(name), title: name, onclick: () => this.set({ sample: index }) }),
      said,
      about.explainers.length > 0 && h("p.moved", { text: `moved by ${number(movedBy(view)[row])}` }));
    const element = h("div.row", { role: "listitem", style: this.at(place) }, label);
    element.dataset.place = String(place);
    if (!this.full[place]) {
      element.classList.add("bare");
      if (view.details?.pictures) label.append(h("p.none", { text: "no pictures were kept of it" }));
      return element;
    }
    const tiles = h("div.tiles", { onclick: () => this.set({ sample: index }) });
    if (state.view === "wipe") tiles.addEventListener("pointermove", (event) => tiles.style.setProperty("--wipe", `${event.clientX - tiles.getBoundingClientRect().left}px`));
    for (const kind of this.kinds(view)) {
      const canvas = h("canvas", { role: "img", "aria-label": `${name}: ${kindText(kind, view)}` });
      show(canvas, this.sheets.picture(view, index, kind));
      tiles.append(h("figure.tile", {}, canvas, state.view === "side" ? null : h("figcaption", { text: kindText(kind, view) })));
    }
    element.append(tiles);
    return element;
  }

  /** Up and down go from row to row. @param {KeyboardEvent} event */
  move(event) {
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    const row = /** @type {HTMLElement} */ (event.target).closest("[data-place]");
    if (!step || !(row instanceof HTMLElement)) return;
    event.preventDefault();
    if (Number(row.dataset.place) + step >= this.most && this.most < this.rows.length) this.open();
    const place = Math.min(this.rows.length - 1, Math.max(0, Number(row.dataset.place) + step));
    const box = this.list.getBoundingClientRect();
    const top = box.top + this.places[place].top;
    if (top < 180 || top > innerHeight - this.rowHeight) scrollBy({ top: step * this.rowHeight });
    this.paint();
    /** @type {HTMLElement | null | undefined} */ (this.drawn.get(place)?.querySelector(".open"))?.focus();
  }

  /** Paper has no scrolling: the first ten samples, and all of them drawn. @param {boolean} isPrinting */
  print(isPrinting) {
    this.isPrinting = isPrinting;
    this.fit();
    this.paint();
  }
}

/**
 * Where rows lie: those with pictures beside one another as far as there is room, those without in a line each.
 *
 * @param {boolean[]} full Which have pictures.
 * @param {{tall: number, bare: number, across: number, wide: number}} size
 * @returns {{top: number, left: number, bottom: number}[]}
 */
export function laidOut(full, { tall, bare, across, wide }) {
  let [top, column] = [0, 0];
  return full.map((has) => {
    if (!has && column) [top, column] = [top + tall, 0];
    const place = { top, left: column * wide, bottom: top + (has ? tall : bare) };
    column = has ? (column + 1) % across : 0;
    if (!column) top = place.bottom;
    return place;
  });
}

/** The first and the last place of which something is true, of places that follow one another. Where it is true of none,
 * it is the first one, so that the keyboard always finds a row.
 * @template T
 * @param {T[]} places
 * @param {(place: T) => boolean} test
 * @returns {[number, number]} */
export function firstAndLast(places, test) {
  const first = places.findIndex(test);
  return first < 0 ? [0, Math.min(0, places.length - 1)] : [first, places.findLastIndex(test)];
}

/**
 * What samples are filtered by, in words, with the patch that ends it.
 *
 * @param {State} state
 * @param {import("./types.js").About} about
 * @returns {{text: string, clear: Partial<State>}[]}
 */
export function filters(state, about) {
  const [from, to] = state.flip.split(/(?<=\d)-/).map((index) => className(Number(index), about));
  const isRange = state.low !== null || state.high !== null;
  const found = [
    state.filter !== "all" && { text: FILTERS[state.filter], clear: { filter: "all" } },
    state.label !== null && { text: ending(className(state.label, about), 40), clear: { label: null } },
    state.flip && { text: `${ending(from)} → ${ending(to)}`, clear: { flip: "" } },
    isRange && { text: `moved by ${rangeText(state.low, state.high)}`, clear: { low: null, high: null } },
  ];
  return /** @type {{text: string, clear: Partial<State>}[]} */ (found.filter(Boolean));
}

/** @param {number | null} low @param {number | null} high */
function rangeText(low, high) {
  if (low === null) return `${number(high)} at most`;
  return high === null ? `${number(low)} at least` : `${number(low)} to ${number(high)}`;
}
