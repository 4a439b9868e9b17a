/** The host of a file: everything is in the page. */

/** @typedef {import("./types.js").Host} Host */

/** The text of a data block of the page. @param {string} id */
function block(id) {
  return document.getElementById(id)?.textContent ?? "";
}

/** @param {string} text Base64. @returns {Uint8Array} */
export function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** @param {string} text JSON, compressed and in base64. */
export async function unpacked(text) {
  const stream = new Blob([/** @type {BlobPart} */ (bytes(text))]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

/** @returns {Promise<Host>} */
export async function fileHost() {
  const content = await unpacked(block("advxai-data"));
  const pictures = JSON.parse(block("advxai-pictures"));
  const run = (id) => content.runs.find((item) => item.id === id);
  return {
    empty: "The report has no images.",
    runs: async () => content.runs.map(({ id, name, training }) => ({ id, name, training })),
    steps: async (id) => run(id)?.steps.map(({ step, overview }) => ({ step, overview })) ?? [],
    details: async (id, step) => run(id).steps.find((item) => item.step === step).details,
    picture: async (_, key) => new Blob([/** @type {BlobPart} */ (bytes(pictures[key]))], { type: "image/png" }),
    readHash: () => location.hash,
    writeHash: (hash) => {
      if (hash !== location.hash.replace(/^#/, "")) history.replaceState(null, "", hash ? `#${hash}` : `${location.pathname}${location.search}`);
    },
    onHash: (changed) => addEventListener("hashchange", changed),
    onTheme: (changed) => {
      const dark = matchMedia("(prefers-color-scheme: dark)");
      changed(dark.matches);
      dark.addEventListener("change", () => changed(dark.matches));
    },
    onData: () => {},
  };
}
