// Write what Mozilla's generator makes, with its own modules: node generator.mjs MODULES FOLDER < requests.json > texts.json
// MODULES has node_modules with esbuild and semver; a request is {server, version, openssl, config, guideline}.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import path from "node:path";

const [modules, folder] = process.argv.slice(2).map((one) => path.resolve(one));
const { buildSync } = createRequire(path.join(modules, "package.json"))("esbuild");
const entry = `
  import state from "./state.js";
  import configs from "./configs.js";
  const templates = Object.fromEntries(Object.keys(configs).filter((one) => one !== "openssl")
    .map((one) => [one, require("./helpers/" + one + ".js").default]));
  module.exports = { state, templates };
`;
const built = buildSync({
  stdin: { contents: entry, resolveDir: path.join(folder, "src/js") },
  bundle: true,
  write: false,
  format: "cjs",
  platform: "node",
  nodePaths: [path.join(modules, "node_modules")],
  logLevel: "error",
});
const generator = { exports: {} };
new Function("module", "exports", "require", built.outputFiles[0].text)(
  generator,
  generator.exports,
  createRequire(import.meta.url),
);

// The page's form, and the guidelines that it fetches from its own site.
globalThis.fetch = async (url) => ({
  ok: true,
  json: async () =>
    JSON.parse(readFileSync(path.join(folder, "src/static/guidelines", path.basename(url)))),
});
const texts = [];
for (const request of JSON.parse(readFileSync(0))) {
  const fields = Object.entries(request).map(([name, value]) => [name, { value }]);
  const elements = { ...Object.fromEntries(fields), hsts: { checked: false }, ocsp: { checked: false } };
  globalThis.document = {
    location: "https://ssl-config.mozilla.org/",
    getElementById: () => ({ elements }),
  };
  const { form, output } = await generator.exports.state();
  texts.push(output.protocols.length ? generator.exports.templates[request.server](form, output) : "");
}
process.stdout.write(JSON.stringify(texts));
