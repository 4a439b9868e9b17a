/** Where the application begins, in a file or in TensorBoard's tab. */

import { App } from "./app.js";
import { fileHost } from "./file_host.js";
import { tensorboardHost } from "./tensorboard_host.js";

/** Draws TensorBoard's tab: its page imports this module and calls this function. */
export function render() {
  // TensorBoard's own policy allows more than this page needs.
  const policy = document.createElement("meta");
  policy.httpEquiv = "Content-Security-Policy";
  policy.content = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; base-uri 'self'; form-action 'none'";
  document.head.append(policy);
  const sheet = document.createElement("link");
  sheet.rel = "stylesheet";
  sheet.href = "./viewer.css";
  document.head.append(sheet);
  document.documentElement.lang = "en";
  document.title = "AdvXAI";
  const root = document.createElement("div");
  root.id = "advxai";
  document.body.append(root);
  new App(tensorboardHost(), root).refresh();
}

const place = document.getElementById("advxai");
if (place && document.getElementById("advxai-data")) fileHost().then((host) => new App(host, place).refresh());
