// The real-time factor of an exported voice in onnxruntime-web under node, one thread, as in a browser's worker.
//
//     audiodiff export ljspeech-fast -o voice.onnx && npm install onnxruntime-web
//     node benchmarks/export_web.mjs voice.onnx [FRAMES] [LAPS] [FOLDER OF onnxruntime-web]
//
// The mel is noise at the level of speech. Times are medians by the wall clock and by the processor's; with one thread the
// latter is fairer on a machine that others use too. Loading the graph is told apart.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { OnnxVocoder, gaussian } from "../audiodiff/export/onnx_runner.mjs";

const [model, frames = "430", laps = "5", folder = "node_modules/onnxruntime-web"] = process.argv.slice(2);
const root = pathToFileURL(resolve(folder) + "/");
const { version, exports } = createRequire(root)("./package.json");
const ort = await import(new URL(exports["."].node.import, root));
ort.env.wasm.numThreads = 1;

const begun = performance.now();
const vocoder = await OnnxVocoder.create(ort, readFileSync(model), { executionProviders: ["wasm"] });
const loaded = (performance.now() - begun) / 1000;
const { hop_length: hop, sample_rate: rate, mel: spec, network_calls: calls } = vocoder.facts;
const mel = gaussian(0, 0, spec.n_mels * Number(frames)).map((x) => x / 2 - 5);
const duration = (Number(frames) * hop) / rate, wall = [], processor = [];
for (let lap = 0; lap <= Number(laps); lap++) {
  const started = performance.now(), before = process.cpuUsage();
  await vocoder.vocode(mel, 0);
  const used = process.cpuUsage(before);
  if (lap === 0) continue; // the first one warms up
  wall.push((performance.now() - started) / 1000 / duration);
  processor.push((used.user + used.system) / 1e6 / duration);
}
const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1].toFixed(3);
console.log(`onnxruntime-web ${version}, node ${process.version}: ${vocoder.facts.name}, ${calls} network calls, `
  + `${duration.toFixed(1)} s, RTF ${median(wall)} by the clock, ${median(processor)} by the processor, `
  + `loaded in ${loaded.toFixed(1)} s`);
