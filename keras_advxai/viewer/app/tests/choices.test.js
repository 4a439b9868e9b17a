/** What is chosen of reports with corruptions, layers, scores, targets and further runs, without a browser. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { asRange, binned, clicked, countIn } from "../src/brush.js";
import { color, dashes, runMark } from "../src/colors.js";
import { stepOf } from "../src/detail.js";
import { atLayers, atScores, counterpart, dissimilarities, driftOf, families, ofAllEpochs, ofFamily, targets, usual } from "../src/explainers.js";
import { filters } from "../src/gallery.js";
import { parts, WORDS } from "../src/gloss.js";
import { attacksOn, conditionOf, levelsOf, levelText, nearest, same, scaleOf } from "../src/levels.js";
import { beside, overEpochs, overLevels } from "../src/overlay.js";
import { kindText, reducedText } from "../src/pictures.js";
import { labelsOf, likely, ofOriginal, shownClasses } from "../src/probabilities.js";
import { asCsv, chosen, movedBy } from "../src/select.js";
import { decode, encode, fitted, initial } from "../src/state.js";

const cam = (name, layer, depth, score) => ({ name, family: "cam", score, layers: [layer], depths: [depth] });
const about = {
  task: "classification", class_names: ["cat", "dog", "owl"], target: "predicted",
  attacks: [
    { name: "fgsm", aim: "label", norm: "linf", noise: "noise" }, { name: "noise", aim: "noise", norm: "linf", noise: null },
    { name: "fog", aim: "corruption", norm: null, noise: null },
  ],
  explainers: [
    cam("cam_b", "b", 4, "logit"), cam("cam_a", "a", 1, "logit"), cam("cam_b_probability", "b", 4, "probability"),
    cam("cam_a_probability", "a", 1, "probability"), { name: "ig", family: "ig", score: null, layers: [], depths: [] },
  ],
  metrics: [{ name: "nissim", title: "NISSIM" }],
  epsilons: [{ value: 8 / 255, text: "8/255" }, { value: 2 / 255, text: "2/255" }],
  severities: [{ value: 1, text: "1" }, { value: 3, text: "3" }, { value: 5, text: "5" }],
};
const drift = (mod) => ({ chance: 0.5, attacks: { fgsm: { mod, mod_low: [0], mod_high: [1], mod_flipped: mod, mod_kept: mod, vid: 0.1 } }, targets: {} });
const figures = { drift: { nissim: { cam_b: { ...drift([0.3, 0.2]), targets: { clean: { fgsm: { mod: [0.25, 0.15], mod_flipped: [null, null], mod_kept: [0.25, 0.15] } } } }, ig: drift([0.1, 0.1]) } } };
const choose = (changes = {}) => fitted({ ...initial(), ...changes }, about, figures);

test("a corruption has severities, an attack has epsilons, and each remembers its own", () => {
  assert.deepEqual([scaleOf("fog", about), scaleOf("fgsm", about)], ["severity", "epsilon"]);
  assert.deepEqual(levelsOf("fog", about).map((item) => item.text), ["1", "3", "5"]);
  assert.deepEqual(attacksOn("severity", about).map((item) => item.name), ["fog"]);
  assert.deepEqual([levelText("fog", about, 1), levelText("fgsm", about, 0)], ["severity 3", "epsilon 8/255"]);
  const state = choose({ attack: "fog", severity: 4.2, epsilon: 0.001 });
  assert.deepEqual([state.severity, state.epsilon], [5, 2 / 255]);
  assert.deepEqual([choose().severity, choose().epsilon], [5, 8 / 255]); // the largest
  assert.equal(decode(encode({ ...initial(), attack: "fog", severity: 3 })).severity, 3);
  assert.equal(fitted(initial(), { ...about, severities: [] }, figures).severity, null);
});

test("levels are found by the nearest and the same, and heatmaps by attack and level", () => {
  assert.equal(nearest(null, about.severities), 2);
  assert.equal(nearest(2.2, about.severities), 1);
  assert.deepEqual([same(0.0313725, about.epsilons), same(0.03, about.epsilons), same(3, []), same(0, [{ value: 0, text: "0" }])], [0, -1, -1, 0]);
  // The original, two epsilons of each of two attacks, three severities.
  assert.deepEqual([conditionOf(about, "fgsm", 0), conditionOf(about, "noise", 1), conditionOf(about, "fog", 2)], [1, 4, 7]);
  assert.equal(conditionOf({ ...about, attacks: [...about.attacks, { name: "blur", aim: "corruption" }] }, "blur", 0), 8);
});

test("layers, scores and families of explainers are told apart", () => {
  assert.deepEqual(families(about), ["cam", "ig"]);
  assert.deepEqual(atLayers("cam_b", about).map((item) => item.name), ["cam_a", "cam_b"]); // as the network has them
  assert.deepEqual(atScores("cam_a_probability", about).map((item) => item.name), ["cam_a", "cam_a_probability"]);
  assert.deepEqual([atLayers("ig", about), atScores("ig", about)], [[], []]);
  assert.equal(ofFamily("ig", "cam_a", about), "ig");
  assert.equal(ofFamily("cam", "cam_a_probability", about), "cam_a_probability");
  assert.equal(usual({ ...about, explainers: [...about.explainers].reverse() }), "ig");
  assert.equal(usual({ ...about, explainers: about.explainers.slice(1) }), "cam_a");
  assert.equal(usual(about), "cam_b"); // the deepest
  // One of the default layer beside those of all layers: each layer once.
  const twice = { ...about, explainers: [...about.explainers, cam("cam", "b", 4, "logit")] };
  assert.deepEqual(atLayers("cam", twice).map((item) => item.name), ["cam_a", "cam"]);
  assert.deepEqual(atLayers("cam_a", twice).map((item) => item.name), ["cam_a", "cam_b"]);
});

test("a layer is found in another run under another name", () => {
  const other = { ...about, explainers: [cam("cam_b_9", "b_9", 4, "logit"), cam("cam_a_9", "a_9", 1, "logit"), { ...about.explainers[4], name: "ig_2", family: "ig_2" }] };
  assert.deepEqual(["cam_a", "cam_b"].map((name) => counterpart(name, about, other)), ["cam_a_9", "cam_b_9"]);
  assert.equal(counterpart("cam_b", about, about), "cam_b");
  assert.equal(counterpart("cam_b_probability", about, other), "cam_b_probability"); // not measured there
  assert.equal(counterpart("ig", about, other), "ig");
});

test("figures of another target are those that were measured, without intervals", () => {
  const state = choose({ target: "clean" });
  assert.equal(state.target, "clean");
  assert.deepEqual(targets(about, figures, state), ["predicted", "clean"]);
  assert.deepEqual(driftOf(figures, state).attacks.fgsm.mod, [0.25, 0.15]);
  assert.deepEqual([driftOf(figures, state).chance, driftOf(figures, state).attacks.fgsm.mod_low], [0.5, []]);
  assert.deepEqual(driftOf(figures, choose()).attacks.fgsm.mod, [0.3, 0.2]);
  assert.equal(choose({ target: "clean", explainer: "ig" }).target, ""); // not measured for it
  assert.equal(choose({ target: "label" }).target, "");
  const samples = { dissimilarity: { nissim: { cam_b: { fgsm: [[1], [2]] } } }, targets: { clean: { nissim: { cam_b: { fgsm: [[3], [4]] } } } } };
  assert.deepEqual([dissimilarities(samples, choose()).fgsm, dissimilarities(samples, state).fgsm], [[[1], [2]], [[3], [4]]]);
  assert.equal(dissimilarities(undefined, state), undefined);
});

/** Two images: the first flips from cat to owl in fog, the second is kept. */
function view(changes = {}) {
  const state = choose({ attack: "fog", explainer: "ig", ...changes });
  const samples = {
    of: 2, index: [0, 1], name: null, label: [0, 1], prediction: [0, 1], confidence: [0.9, 0.8],
    predictions: { fgsm: [[0, 1], [0, 1]], noise: [[0, 1], [0, 1]], fog: [[0, 1], [0, 1], [2, 1]] },
    confidences: { fgsm: [[1, 1], [1, 1]], noise: [[1, 1], [1, 1]], fog: [[1, 1], [1, 1], [0.4, 0.7]] },
    flipped: { fgsm: [[0, 0], [0, 0]], noise: [[0, 0], [0, 0]], fog: [[0, 0], [0, 0], [1, 0]] },
    dissimilarity: { nissim: { ig: { fgsm: [[0, 0], [0, 0]], noise: [[0, 0], [0, 0]], fog: [[0, 0], [0, 0], [0.4, 0.1]] } } }, targets: {},
  };
  const scale = scaleOf(state.attack, about);
  return { state, about, scale, level: nearest(state[scale], levelsOf(state.attack, about)), figures, details: { samples, pictures: null }, others: [] };
}

test("samples under a corruption are filtered and written like those under an attack", () => {
  assert.deepEqual(movedBy(view()), [0.4, 0.1]);
  assert.deepEqual(chosen(view({ filter: "flipped" })), [0]);
  assert.deepEqual(chosen(view({ filter: "flipped", severity: 3 })), []);
  assert.deepEqual(chosen(view({ flip: "0-2" })), [0]);
  assert.deepEqual(chosen(view({ flip: "0-1" })), []);
  assert.deepEqual(["0-2", "0--1", "cat-dog", "1"].map((flip) => decode(`flip=${flip}`).flip), ["0-2", "0--1", "", ""]);
  const lines = asCsv(view(), 0).trimEnd().split("\r\n");
  assert.equal(lines.length, 2 + 2 * 2 + 3);
  assert.ok(lines[0].startsWith("index,name,attack,epsilon,severity,prediction,confidence,"));
  assert.equal(lines[lines.length - 1], "0,,fog,,5,owl,0.4,,,,,0.4");
  assert.ok(lines[2].startsWith(`0,,fgsm,${8 / 255},,cat,1`));
});

test("a range has its ends in order, none where it holds everything, and a bar's where a bar is clicked", () => {
  assert.deepEqual(asRange(0.31, 0.2, 0.5), { low: 0.2, high: 0.31 });
  assert.deepEqual(asRange(-1, 2, 0.5), { low: null, high: null });
  assert.deepEqual(asRange(0, 0.2, 0.5), { low: null, high: 0.2 });
  assert.equal(countIn([0.1, 0.2, 0.3, null], { low: 0.2, high: null }), 2);
  assert.equal(countIn([0.1, null], { low: null, high: null }), 1);
  const bar = clicked(0.13, { low: null, high: null }, 0.5, 5);
  assert.deepEqual(bar, { low: 0.1, high: 0.2 });
  assert.deepEqual(clicked(0.17, bar, 0.5, 5), { low: null, high: null });
  assert.deepEqual(clicked(0.5, bar, 0.5, 5), { low: 0.4, high: null });
});

test("the bars of a histogram hold every image, near 0 and far out, too", () => {
  const sum = (bars) => bars.reduce((all, bar) => all + bar.flipped + bar.kept, 0);
  const one = (values, flipped = []) => binned(values, flipped, Math.max(0.05, ...values.map(Number)) * 1.1, 24);
  for (const values of [Array(50).fill(0.3), Array(50).fill(0), [...Array(49).fill(0.001), 0.9], [0, -1e-9, 0.9]]) assert.equal(sum(one(values)), values.length);
  assert.equal(sum(binned([0.2, null, NaN, Infinity, 0.7], [], 0.5, 5)), 2); // what is not known is in none
  assert.equal(one([...Array(49).fill(0.001), 0.9])[0].kept, 49);
  const bars = binned([0, 0.05, 0.1, 0.5], [1, 0, 0, 1], 0.5, 5);
  assert.deepEqual(bars.map((bar) => [bar.flipped, bar.kept]), [[1, 1], [0, 1], [0, 0], [0, 0], [1, 0]]);
  // A click on a bar chooses what it counts.
  assert.deepEqual(clicked(0.05, { low: null, high: null }, 0.5, 5), { low: null, high: bars[0].high });
});

test("in an opened sample, keys go to the next and the previous one", () => {
  assert.deepEqual(["j", "ArrowRight", "k", "ArrowLeft", "x"].map((key) => stepOf({ key })), [1, 1, -1, -1, 0]);
  assert.equal(stepOf({ key: "ArrowLeft", altKey: true }), 0); // the browser's own
});

test("a short word says what it means where it appears first, and no text is lost", () => {
  const text = "MOD, 95 % interval, MOD, flipped; VID 0.1 (NISSIM, MODEL)";
  const found = parts(text);
  assert.equal(found.map((part) => part.text).join(""), text);
  assert.deepEqual(found.filter((part) => part.title).map((part) => [part.text, part.title]), ["MOD", "flipped", "VID", "NISSIM"].map((word) => [word, WORDS[word]]));
  assert.deepEqual(parts(""), []);
});

const step = (number, mod, names = about) => ({ step: number, overview: { about: names, figures: { drift: { nissim: { ig: drift(mod) } } } } });
const mods = (one) => one.overview.figures.drift.nissim.ig.attacks.fgsm.mod;

test("a further run is laid over by epsilon and by epoch, in the attack's colour with marks of its own", () => {
  const steps = [step(0, [0.1, 0.2]), step(1, [0.3, 0.4]), step(2, [0.5, 0.6])];
  assert.deepEqual([beside(steps, null).step, beside(steps, 1).step, beside(steps, 7).step], [2, 1, 2]);
  const overlaid = { ...view({ attack: "fgsm" }), others: [{ run: { id: "r", name: "other" }, steps }, { run: { id: "s", name: "once" }, steps: [step(0, [0.7, 0.8])] }] };
  const [first, second] = overLevels(overlaid, mods, String);
  assert.deepEqual(first.points.map((point) => [point.x, point.y]), [[2 / 255, 0.6], [8 / 255, 0.5]]);
  assert.deepEqual(second.points.map((point) => point.y), [0.8, 0.7]);
  assert.deepEqual([first.color, second.color], [color("fgsm", about), color("fgsm", about)]);
  assert.notDeepEqual([first.symbol, first.dash], [second.symbol, second.dash]);
  assert.deepEqual(overLevels({ ...overlaid, state: { ...overlaid.state, step: 0 } }, mods, String)[0].points[0].y, 0.2);
  const epochs = overEpochs(overlaid, mods, String);
  assert.deepEqual(epochs.map((line) => line.name), ["other"]); // an evaluation has no epochs
  assert.deepEqual(epochs[0].points.map((point) => [point.x, point.y]), [[0, 0.1], [1, 0.3], [2, 0.5]]);
  assert.deepEqual(epochs[0].points[1].pick, { run: "r", step: 1 });
  // One that has not this epsilon is not laid over another.
  const elsewhere = { ...about, epsilons: [{ value: 0.5, text: "0.5" }] };
  assert.deepEqual(overEpochs({ ...overlaid, others: [{ run: { id: "r", name: "other" }, steps: [step(0, [1], elsewhere), step(1, [1], elsewhere)] }] }, mods, String), []);
});

test("lines of one colour differ in their dashes, and so do two kinds of noise", () => {
  const many = { ...about, attacks: [...Array.from({ length: 13 }, (_, place) => ({ name: `a${place}`, aim: "label" })), { name: "n1", aim: "noise" }, { name: "n2", aim: "noise" }] };
  const looks = many.attacks.map((item) => `${color(item.name, many)} ${dashes(item.name, many)}`);
  assert.equal(new Set(looks).size, looks.length);
  assert.equal(new Set([0, 1, 2, 3, 4].map((place) => runMark(place).symbol)).size, 5);
});

test("under a corruption nothing is called adversarial", () => {
  assert.deepEqual(["original", "adversarial", "perturbation", "after"].map((kind) => kindText(kind, { scale: "severity" })), ["original", "corrupted", "change of the image", "heatmap, corrupted"]);
  assert.deepEqual(["adversarial", "perturbation"].map((kind) => kindText(kind, { scale: "epsilon" })), ["adversarial", "perturbation × 10"]);
});

test("pictures that were kept smaller than measured say so", () => {
  const where = (height, width) => ({ tile: [height, width], columns: 1, rows: 1, keys: ["a"] });
  const pictures = { size: [448, 448], images: where(224, 224), heatmaps: { ig: { ...where(84, 84), reduced: true }, cam_b: { ...where(7, 7), reduced: false } } };
  const shown = { details: { pictures }, state: { explainer: "ig" } };
  assert.equal(reducedText(shown), "Kept smaller than measured: images at 224 × 224, heatmaps of ig at 84 × 84 of 448 × 448 pixels. Figures are of the full size.");
  const full = { details: { pictures: { ...pictures, images: where(448, 448) } }, state: { explainer: "cam_b" } };
  assert.equal(reducedText(full), ""); // a layer's own size is all there is
  assert.equal(reducedText({ details: null, state: {} }), "");
});

test("probabilities are those of the sample, the most probable classes first, and the label is always among them", () => {
  const rows = [[4, 0.9, 0.2], [7, 0.05, 0.7], [1, 0.02, null]];
  const details = { pictures: { indices: [3, 8] }, probabilities: { true: [[2], [0, 6]], attacks: { fgsm: [[[[2, 1, 1]], rows]] } } };
  assert.deepEqual(likely(details, 8, "fgsm", 0), rows);
  assert.deepEqual([likely(details, 5, "fgsm", 0), likely(details, 8, "pgd", 0), likely({ pictures: details.pictures }, 8, "fgsm", 0), likely(null, 8, "fgsm", 0)], [null, null, null, null]);
  assert.deepEqual([labelsOf(details, 8), labelsOf(details, 5), labelsOf(null, 8)], [[0, 6], [], []]);
  assert.deepEqual(shownClasses([rows, null, [[9, 0, 0.8]]], [3]), [4, 9, 7, 1]); // of a label that was not kept nothing is known
  const many = Array.from({ length: 9 }, (_, index) => [index, 0.1 * index, 0]);
  assert.deepEqual(shownClasses([many], [1]), [8, 7, 6, 5, 4, 1]);
  assert.deepEqual(shownClasses([null], [1]), []);
  assert.deepEqual(ofOriginal([rows, null, [[9, 0.01, 0.8]]]), [[4, 0.9, null], [7, 0.05, null], [1, 0.02, null], [9, 0.01, null]]);
  assert.equal(ofOriginal([null]), null);
});

test("whatever hides samples says so, and each can be ended by itself", () => {
  const said = (changes) => filters({ ...initial(), ...changes }, about).map((item) => item.text);
  assert.deepEqual(said({}), []);
  const all = { filter: "moved", label: 2, flip: "0--1", low: 0.25, high: null };
  assert.deepEqual(said(all), ["kept, but moved", "owl", "cat → no class", "moved by 0.250 at least"]);
  const state = { ...initial(), ...all };
  for (const { text, clear } of filters(state, about)) assert.equal(said({ ...all, ...clear }).includes(text), false);
  assert.deepEqual(said(Object.assign(state, ...filters(state, about).map((item) => item.clear))), []);
});

test("an axis is that of all epochs, whichever is shown", () => {
  const steps = [step(0, [0.1, 0.9]), step(1, [0.3, 0.4])];
  const of = (shown) => ofAllEpochs({ ...view({ attack: "fgsm" }), steps, step: shown }, ({ chance, attacks }) => [chance, ...attacks.fgsm.mod]);
  assert.deepEqual(of(steps[0]), [0.5, 0.1, 0.9, 0.5, 0.3, 0.4]);
  assert.deepEqual(of(steps[1]), of(steps[0]));
  assert.deepEqual(ofAllEpochs({ ...view({ attack: "fgsm" }), steps }, () => [1], "gone"), []);
});
