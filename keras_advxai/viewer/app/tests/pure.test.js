/** What the application computes, without a browser. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { color, dashes } from "../src/colors.js";
import { firstAndLast, laidOut } from "../src/gallery.js";
import { tileAt } from "../src/pictures.js";
import { adversarial, asHeat, heatChange, overlay, perturbation, resized } from "../src/pixels.js";
import { asCsv, chosen, flips } from "../src/select.js";
import { nearest } from "../src/levels.js";
import { decode, encode, fitted, initial, missing, strongest, telling } from "../src/state.js";
import { merged, ours } from "../src/tensorboard_host.js";
import { className, ending, ends, number, percent } from "../src/text.js";

const about = {
  task: "classification", class_names: ["cat", "<b>dog</b>"],
  attacks: [{ name: "noise", aim: "noise", norm: "linf", noise: null }, { name: "fgsm", aim: "label", norm: "linf", noise: "noise" }, { name: "pgd", aim: "label", norm: "linf", noise: "noise" }],
  explainers: [{ name: "cam", family: "cam", score: null, layers: ["conv"], depths: [1] }],
  metrics: [{ name: "nissim", title: "NISSIM" }],
  epsilons: [{ value: 0.1, text: "0.1" }, { value: 0.2, text: "0.2" }],
  severities: [], target: "predicted",
};
const figures = { drift: { nissim: { cam: { chance: 0.5, attacks: {}, targets: {} } } } };

/** Four images: 0 flips, 1 is kept and moves, 2 is kept and stays, 3 has no heatmap. */
function view(changes = {}) {
  const state = { ...fitted(initial(), about, figures), ...changes };
  const samples = {
    of: 4, index: [0, 1, 2, 3], name: ["b.png", "a.png", "c10.png", "c9.png"], label: [0, 0, 1, 1], prediction: [0, 0, 1, 1], confidence: [0.9, 0.8, 0.7, 0.6],
    predictions: { fgsm: [[0, 0, 1, 1], [1, 0, 1, 1]], noise: [[0, 0, 1, 1], [0, 0, 1, 1]], pgd: [[0, 0, 1, 1], [1, 1, 1, 1]] },
    confidences: { fgsm: [[1, 1, 1, 1], [0.5, 0.6, 0.7, null]], noise: [[1, 1, 1, 1], [1, 1, 1, 1]], pgd: [[1, 1, 1, 1], [1, 1, 1, 1]] },
    flipped: { fgsm: [[0, 0, 0, 0], [1, 0, 0, 0]], noise: [[0, 0, 0, 0], [0, 0, 0, 0]], pgd: [[0, 0, 0, 0], [1, 1, 0, 0]] },
    dissimilarity: { nissim: { cam: { fgsm: [[0, 0, 0, 0], [0.4, 0.3, 0.1, null]], noise: [[0, 0, 0, 0], [0, 0, 0, 0]], pgd: [[0, 0, 0, 0], [0, 0, 0, 0]] } } },
  };
  return { state, about, level: nearest(state.epsilon, about.epsilons), scale: "epsilon", figures, details: { samples, pictures: null } };
}

test("an address is read as it was written, and what is wrong in it does nothing", () => {
  const state = { ...initial(), attack: "pgd & more=#%", epsilon: 0.1, step: 3, sort: "name", low: 0.25, sample: 7 };
  assert.deepEqual(decode(`#${encode(state)}`), state);
  assert.equal(encode(initial()), "");
  assert.equal(decode(encode({ ...initial(), attack: "\ud800" })).attack, "\ufffd");
  const wrong = decode("#epsilon=none&step=&sort=x&filter=__proto__&view=constructor&attack=%E0%A4%A&alpha=7&__proto__=1&=2&nothing");
  assert.deepEqual(wrong, { ...initial(), alpha: 1 });
});

test("it opens with the strongest attack, and with no noise or corruption beside one", () => {
  const attack = (name, aim = "label") => ({ name, aim, norm: "linf", noise: null });
  const of = (...attacks) => ({ ...about, attacks, epsilons: [{ value: 0.2, text: "0.2" }, { value: 0.1, text: "0.1" }] });
  const all = of(attack("noise", "noise"), attack("fog", "corruption"), attack("fgsm"), attack("pgd"), attack("deep_fool"));
  const left = (fgsm, pgd, deep) => ({ ...figures, attacks: { fgsm: { accuracy: fgsm }, pgd: { accuracy: pgd }, deep_fool: { accuracy: deep }, fog: { accuracy: [0, 0] }, noise: { accuracy: [0, 0] } } });
  assert.equal(strongest(all, left([0.5, 0.1], [0.2, 0.3], [0.3, 0])), "pgd"); // at the largest epsilon
  assert.equal(strongest(all, left([0.2, 0.1], [0.2, 0.1], [0.3, 0])), "fgsm"); // of equal ones the first
  assert.equal(strongest(all, left([null, 0.1], [0.9, 0.1], [null, 0])), "pgd"); // what is not known is not strong
  assert.equal(strongest(all, { ...figures, attacks: {} }), "fgsm");
  const changes = { ...figures, attacks: { fgsm: { mean_change: [2, 1] }, pgd: { mean_change: [3, 1] } } };
  assert.equal(strongest({ ...of(attack("fgsm"), attack("pgd")), task: "regression" }, changes), "pgd");
  assert.deepEqual([strongest(of(attack("noise", "noise"), attack("fog", "corruption")), figures), strongest(of(attack("noise", "noise")), figures), strongest(of(), figures)], ["fog", "noise", ""]);
  assert.equal(fitted(initial(), all, { ...left([0.5, 0.1], [0.2, 0.3], [0.3, 0]), drift: {} }).attack, "pgd");
});

test("what is not there is replaced: the first attack of equal ones, and without heatmaps the largest epsilon", () => {
  const state = fitted({ ...initial(), attack: "gone", epsilon: null }, about, figures);
  assert.deepEqual([state.attack, state.explainer, state.metric, state.epsilon], ["fgsm", "cam", "nissim", 0.2]);
  assert.equal(fitted({ ...initial(), attack: "noise", epsilon: 0.12 }, about, figures).epsilon, 0.1);
});

test("it opens at the epsilon where an attack is furthest above its noise", () => {
  const three = { ...about, epsilons: [{ value: 0.3, text: "0.3" }, { value: 0.1, text: "0.1" }, { value: 0.2, text: "0.2" }] };
  const measured = (fgsm, noise) => ({ drift: { nissim: { cam: { chance: 0.5, attacks: { fgsm: { mod: fgsm }, noise: { mod: noise }, pgd: { mod: [null, null, null] } }, targets: {} } } } });
  const opened = (attack, of) => fitted({ ...initial(), attack }, three, of).epsilon;
  assert.equal(opened("fgsm", measured([0.5, 0.1, 0.4], [0.5, 0, 0.1])), 0.2);
  assert.equal(opened("fgsm", measured([0.5, 0.3, 0.4], [0.5, 0, 0.2])), 0.1);
  assert.equal(opened("fgsm", measured([0.5, null, 0.4], [0.5, 0, 0.2])), 0.2); // what is not known tells nothing
  assert.equal(opened("fgsm", measured([0.1, 0.1, 0.1], [0.1, 0.1, 0.1])), 0.1); // of equal ones the smallest
  assert.deepEqual([opened("noise", measured([1, 1, 1], [1, 1, 1])), opened("pgd", measured([1, 1, 1], [1, 1, 1]))], [0.2, 0.2]); // the middle one
  assert.equal(opened("fgsm", figures), 0.3); // without heatmaps the largest
  assert.equal(fitted({ ...initial(), epsilon: 0.3 }, three, measured([0.5, 0.1, 0.4], [0.5, 0, 0.1])).epsilon, 0.3);
  assert.equal(telling(initial(), { ...about, epsilons: [] }, figures), 0);
});

test("an address that asks for what is not there is answered in one line", () => {
  const asked = { ...initial(), attack: "nope", explainer: "cam", epsilon: 0.5, step: 98 };
  const shown = { ...fitted(asked, about, figures), step: 14 };
  assert.equal(missing(asked, shown, about), "Not found: attack nope (shown: fgsm), epsilon 0.5 (shown: 0.2), epoch 99 (shown: 15).");
  const right = { ...initial(), attack: "pgd", epsilon: 0.1000001, step: 14, target: "predicted" };
  assert.equal(missing(right, { ...fitted(right, about, figures), step: 14 }, about), "");
  assert.equal(missing(initial(), { ...fitted(initial(), about, figures), step: 14 }, about), "");
});

test("TensorBoard's part of an address stays as it is", () => {
  assert.equal(ours("#advxai&advxai.epsilon=0.1&other=2"), "epsilon=0.1");
  assert.equal(merged("#advxai&advxai.epsilon=0.1&other=2", "attack=pgd&step=1"), "#advxai&other=2&advxai.attack=pgd&advxai.step=1");
  assert.equal(merged("", ""), "#");
});

test("samples are sorted and filtered", () => {
  assert.deepEqual(chosen(view()), [0, 1, 2, 3]);
  assert.deepEqual(chosen(view({ sort: "steady" })), [2, 1, 0, 3]);
  assert.deepEqual(chosen(view({ sort: "name" })), [1, 0, 3, 2]);
  assert.deepEqual(chosen(view({ sort: "confidence" })), [2, 1, 0, 3]);
  assert.deepEqual(chosen(view({ filter: "flipped" })), [0]);
  assert.deepEqual(chosen(view({ filter: "kept" })), [1, 2, 3]);
  assert.deepEqual(chosen(view({ filter: "moved" })), [1]); // more than half of chance
  assert.deepEqual(chosen(view({ label: 1 })), [2, 3]);
  assert.deepEqual(chosen(view({ low: 0.2, high: 0.35 })), [1]);
  const drawn = view();
  drawn.details.pictures = { indices: [2] };
  assert.deepEqual(chosen(drawn), [2, 0, 1, 3]); // those with pictures first
  drawn.state.sort = "drift";
  assert.deepEqual(chosen(drawn), [0, 1, 2, 3]); // by movement alone
});

test("rows with pictures stand beside one another where there is room, and those without have a line each", () => {
  const size = { tall: 100, bare: 40, across: 1, wide: 300 };
  assert.deepEqual(laidOut([true, false, true], size).map(({ top, left, bottom }) => [top, left, bottom]), [[0, 0, 100], [100, 0, 140], [140, 0, 240]]);
  const beside = laidOut([true, true, true, false, false, true, true], { ...size, across: 2 });
  assert.deepEqual(beside.map(({ top, left }) => [top, left]), [[0, 0], [0, 300], [100, 0], [200, 0], [240, 0], [280, 0], [280, 300]]);
  assert.deepEqual(laidOut([], size), []);
  assert.deepEqual(firstAndLast([1, 5, 6, 2], (value) => value > 4), [1, 2]);
  assert.deepEqual([firstAndLast([1, 2], () => false), firstAndLast([], () => true)], [[0, 0], [0, -1]]); // one is always there
});

test("flips are counted by class, and rows are written for spreadsheets", () => {
  assert.deepEqual(flips(view({ attack: "pgd" })), [{ from: 0, to: 1, count: 2, label: "cat → <b>dog</b>" }]);
  const csv = view();
  csv.details.samples.name[0] = '=1+1,"x"';
  const lines = asCsv(csv, 0).trimEnd().split("\r\n");
  assert.equal(lines.length, 2 + 3 * 2);
  assert.equal(lines[5], `0,"'=1+1,""x""",fgsm,0.2,<b>dog</b>,0.5,0.4`);
});

test("maps are resized as TensorFlow resizes them", () => {
  const map = { width: 2, height: 1, data: new Float32Array([0, 1]) };
  assert.deepEqual([...resized(map, 4, 1).data], [0, 0.25, 0.75, 1]);
  assert.deepEqual([...resized(map, 2, 2).data], [0, 1, 0, 1]);
});

const pixel = (...values) => ({ width: 1, height: 1, data: new Uint8ClampedArray([...values, 255]) });

test("an adversarial image is the original and a difference, clipped, or a step along its signs", () => {
  const image = pixel(250, 100, 3);
  assert.deepEqual([...adversarial(image, pixel(138, 120, 128), "difference").data], [255, 92, 3, 255]);
  assert.deepEqual([...adversarial(image, pixel(138, 120, 128), "scaled", 4).data], [254, 96, 3, 255]);
  assert.deepEqual([...adversarial(image, pixel(1, 2, 3), "image").data], [1, 2, 3, 255]);
  assert.deepEqual([...perturbation(image, pixel(251, 98, 3)).data], [138, 108, 128, 255]);
});

test("no heat leaves the image gray, full heat is the last colour, and no change is white", () => {
  const image = pixel(100, 100, 100);
  const heat = (value) => ({ width: 1, height: 1, data: new Float32Array([value]) });
  assert.deepEqual([...overlay(image, heat(0), 1).data], [100, 100, 100, 255]);
  assert.deepEqual([...overlay(image, heat(1), 1).data], [253, 231, 37, 255]);
  assert.deepEqual([...heatChange(heat(0.3), heat(0.3), 1, 1).data.slice(0, 3)].map((v) => v >= 246), [true, true, true]);
  assert.equal(asHeat(pixel(51, 51, 51), 2).data[0], Math.fround(0.4));
});

test("tiles are found on their sheets", () => {
  const where = { tile: [4, 6], columns: 3, rows: 2, keys: ["a", "b"] };
  assert.deepEqual(tileAt(where, 4), { key: "a", x: 6, y: 4, width: 6, height: 4 });
  assert.deepEqual(tileAt(where, 6), { key: "b", x: 0, y: 0, width: 6, height: 4 });
});

test("an attack has one colour, and noise is gray and dashed", () => {
  assert.deepEqual(["noise", "fgsm", "pgd"].map((name) => color(name, about)), ["var(--noise)", "var(--attack-0)", "var(--attack-1)"]);
  assert.deepEqual(["noise", "fgsm", "pgd"].map((name) => dashes(name, about)), ["5 4", null, null]);
});

test("numbers and names are as people read them", () => {
  assert.deepEqual([percent(0.5), percent(null), number(NaN), number(0.12345)], ["50.0 %", "–", "–", "0.123"]);
  assert.deepEqual([className(1, about), className(5, about), className(-1, about)], ["<b>dog</b>", "class 5", "no class"]);
  assert.deepEqual([ends("block13_expand_relu_with_a_name", 12), ends("conv2d")], ["block1…_name", "conv2d"]);
  assert.equal(ending("a/very/long/path/to/image.png", 10), "…image.png");
});
