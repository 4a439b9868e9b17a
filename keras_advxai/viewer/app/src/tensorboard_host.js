/** The host of TensorBoard's tab, a frame of the same origin: data come from the plugin's routes. */

/** @typedef {import("./types.js").Host} Host */

const POLL = 4000; // milliseconds between two looks for new epochs
const PREFIX = "advxai.";
const EMPTY = "Train with keras_advxai.callbacks.AdversarialEvaluation(..., log_dir=...), or call keras_advxai.evaluate(..., log_dir=...), with this log directory.";
const OLD = "These logs are old: keras-advxai 0.1 wrote them, which kept nothing for this tab. Their curves are in Time Series. Train or evaluate again to see them here.";

/**
 * The part of TensorBoard's address that is ours.
 *
 * @param {string} hash Such as `#advxai&advxai.epsilon=0.1&other=1`.
 */
export function ours(hash) {
  return hash.replace(/^#/, "").split("&").filter((part) => part.startsWith(PREFIX)).map((part) => part.slice(PREFIX.length)).join("&");
}

/**
 * TensorBoard's address with another part of ours; what others wrote stays.
 *
 * @param {string} hash
 * @param {string} own
 */
export function merged(hash, own) {
  const theirs = hash.replace(/^#/, "").split("&").filter((part) => part && !part.startsWith(PREFIX));
  return `#${[...theirs, ...own.split("&").filter(Boolean).map((part) => PREFIX + part)].join("&")}`;
}

/** @param {string} route @param {Record<string, string>} [query] */
async function get(route, query = {}) {
  const response = await fetch(`${route}?${new URLSearchParams(query)}`);
  if (!response.ok) throw new Error(`TensorBoard answered ${response.status} for ${route}.`);
  return response;
}

/** @returns {Host} */
export function tensorboardHost() {
  const outside = window.parent;
  /** @type {Map<string, Promise<any>>} */
  const known = new Map();
  /** @param {string} name @param {() => Promise<any>} ask @returns {Promise<any>} */
  const once = (name, ask) => {
    const found = known.get(name) ?? ask();
    if (!known.has(name)) found.catch(() => known.delete(name));
    known.set(name, found);
    return found;
  };
  let listed = "";
  const runs = async () => {
    const found = await (await get("runs")).json();
    host.empty = found.old ? OLD : EMPTY;
    return found.runs;
  };
  const stepsOf = (id) => once("runs", runs).then((all) => all.find((item) => item.id === id)?.steps ?? []);
  /** @type {Host} */
  const host = {
    empty: EMPTY,
    runs: () => once("runs", runs),
    steps: async (id) => {
      const steps = await stepsOf(id);
      return Promise.all(steps.map(async (step) => ({ step, overview: await once(`overview ${id} ${step}`, async () => (await once(`all ${id} ${steps.join()}`, async () => (await get("overviews", { run: id })).json())).steps[step]) }))).then((all) => all.filter((item) => item.overview));
    },
    details: (id, step) => once(`details ${id} ${step}`, async () => (await get("details", { run: id, step: String(step) })).json()),
    picture: async (id, key) => (await get("picture", { run: id, key })).blob(),
    readHash: () => ours(outside.location.hash),
    writeHash: (hash) => {
      const wanted = merged(outside.location.hash, hash);
      if (wanted !== outside.location.hash) outside.history.replaceState(outside.history.state, "", wanted);
    },
    onHash: (changed) => outside.addEventListener("hashchange", changed),
    onTheme: (changed) => {
      const look = () => changed(outside.document.body.classList.contains("dark-mode"));
      look();
      new MutationObserver(look).observe(outside.document.body, { attributes: true, attributeFilter: ["class"] });
    },
    onData: (changed) => {
      setInterval(async () => {
        if (document.hidden || !document.body.clientWidth) return; // another tab is looked at
        const found = await runs().catch(() => null);
        const text = JSON.stringify(found);
        if (!found || text === listed) return;
        const isFirst = listed === "";
        listed = text;
        known.set("runs", Promise.resolve(found));
        if (!isFirst || found.length) changed();
      }, POLL);
    },
  };
  return host;
}
