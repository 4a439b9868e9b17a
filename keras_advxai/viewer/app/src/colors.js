/** One colour for an attack wherever it is drawn; noise is gray and dashed. */

/** @typedef {import("./types.js").About} About */

const COUNT = 6;

/** The colour of an attack, a variable of the style sheet, which has one for light and one for dark.
 * @param {string} name
 * @param {About} about */
export function color(name, about) {
  const { isNoise, place } = kindOf(name, about);
  return isNoise ? "var(--noise)" : `var(--attack-${place % COUNT})`;
}

/** Whether an attack is noise, and its place among those that are or among those that are not.
 * @param {string} name
 * @param {About} about */
function kindOf(name, about) {
  const isNoise = (about.attacks.find((item) => item.name === name)?.aim ?? "noise") === "noise";
  const place = about.attacks.filter((item) => (item.aim === "noise") === isNoise).findIndex((item) => item.name === name);
  return { isNoise, place: Math.max(0, place) };
}

/** Of those that have the same colour, since there are six: how the line is dashed. Noise is always dashed. */
const DASHES = [null, "9 3 2 3", "3 3", "12 4", "2 3 6 3"];
const NOISES = ["5 4", "2 4", "10 4"];

/** The dashes of an attack's line.
 * @param {string} name
 * @param {About} about */
export function dashes(name, about) {
  const { isNoise, place } = kindOf(name, about);
  return isNoise ? NOISES[place % NOISES.length] : DASHES[Math.floor(place / COUNT) % DASHES.length];
}

/** How the marks and the lines of further runs look, since their colour is that of the attack. */
const RUNS = [
  { symbol: "square", dash: "2 3" }, { symbol: "triangle", dash: "8 3" }, { symbol: "diamond2", dash: "8 3 2 3" },
  { symbol: "star", dash: "4 2" }, { symbol: "wye", dash: "1 4" },
];

/** The mark and the dashes of a further run. @param {number} place */
export function runMark(place) {
  return RUNS[place % RUNS.length];
}
