// Speak with an exported model in JavaScript: onnxruntime-web (or -node) and nothing else. Copy this file.
//
// As a command: node onnx_runner.mjs MODEL.onnx MEL.f32 OUT.f32 [SEED]     (float32 [n_mels, frames] in, samples out)

const NOISE_SAMPLES = 1 << 14;

/** A whole model from `audiodiff export MODEL --to onnx`; `facts` say what it is, `facts.mel` its mels. */
export class OnnxVocoder {
  constructor(ort, session, facts) {
    if (facts.part !== "sampler") throw new Error("no whole model: export one with `audiodiff export MODEL --to onnx`");
    Object.assign(this, { ort, session, facts });
  }

  /** From the bytes of a graph; `ort` is the module onnxruntime-web, `options` are those of its sessions. */
  static async create(ort, bytes, options = {}) {
    return new OnnxVocoder(ort, await ort.InferenceSession.create(bytes, options), factsOf(bytes));
  }

  /** Map one mel, a Float32Array [n_mels, frames] row by row, to a Float32Array [hop_length * frames]. */
  async vocode(mel, seed = 0) {
    const bands = this.facts.mel.n_mels, length = this.facts.frames, frames = mel.length / bands;
    const usual = frames && Number.isInteger(frames) && (!length || frames === length);
    if (!usual || !mel.every(Number.isFinite))
      throw new Error(`got ${mel.length} numbers: expected [${bands}, ${length || "frames"}], all finite`);
    const { draws, hop_length: hop } = this.facts, samples = frames * hop;
    const noise = new Float32Array(draws * samples);
    for (let draw = 0; draw < draws; draw++) noise.set(gaussian(seed, draw, samples), draw * samples);
    const feeds = { mel: this.tensor(mel, [1, bands, frames]), noise: this.tensor(noise, [draws, 1, samples]) };
    return (await this.session.run(feeds)).wave.data;
  }

  tensor(numbers, shape) {
    return new this.ort.Tensor("float32", Float32Array.from(numbers), shape);
  }
}

/** Numbers in 0 … 1 from the Mersenne twister, as torch.rand makes them. */
export function uniform(seed, count) {
  const state = new Uint32Array(624), numbers = new Float32Array(count);
  state[0] = seed;
  for (let i = 1; i < 624; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
  for (let n = 0; n < count; n++) {
    const i = n % 624;
    if (i === 0) twist(state);
    let word = state[i];
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    numbers[n] = ((word ^ (word >>> 18)) & 0xffffff) * 2 ** -24;
  }
  return numbers;
}

/** The next 624 words of the twister (Matsumoto & Nishimura 1998). */
function twist(state) {
  for (let i = 0; i < 624; i++) {
    const word = (state[i] & 0x80000000) | (state[(i + 1) % 624] & 0x7fffffff);
    state[i] = state[(i + 397) % 624] ^ (word >>> 1) ^ (word & 1 ? 0x9908b0df : 0);
  }
}

/** Normal noise that depends on seed, draw and place alone, as torch.randn makes it (Box & Muller 1958). */
export function gaussian(seed, draw, samples) {
  const noise = new Float32Array(Math.ceil(samples / NOISE_SAMPLES) * NOISE_SAMPLES);
  for (let start = 0; start < samples; start += NOISE_SAMPLES) {
    const numbers = uniform(blockSeed(`${seed} ${draw} ${start / NOISE_SAMPLES}`), NOISE_SAMPLES);
    for (let i = 0; i < NOISE_SAMPLES; i += i % 16 === 7 ? 9 : 1) { // eight radii, then their eight angles
      const radius = Math.sqrt(-2 * Math.log(1 - numbers[i])), angle = 2 * Math.PI * numbers[i + 8];
      noise[start + i] = radius * Math.cos(angle);
      noise[start + i + 8] = radius * Math.sin(angle);
    }
  }
  return noise.subarray(0, samples);
}

/** The lower word of a digest's first eight bytes, halved: what seeds the generator of a block. */
function blockSeed(text) {
  const [high, low] = sha256(text);
  return ((high << 31) | (low >>> 1)) >>> 0;
}

/** The words of the SHA-256 (FIPS 180-4) of at most 55 characters of ASCII; crypto.subtle is not everywhere. */
export function sha256(text) {
  if (text.length > 55) throw new Error("only one block is hashed");
  const w = new Int32Array(64), [state, rounds] = sha256Constants();
  [...text, "\x80"].forEach((letter, i) => (w[i >> 2] |= letter.charCodeAt(0) << (24 - 8 * (i % 4))));
  w[15] = 8 * text.length;
  const turned = (x, n) => (x >>> n) | (x << (32 - n));
  for (let i = 16; i < 64; i++) {
    const a = w[i - 15], b = w[i - 2];
    const first = turned(a, 7) ^ turned(a, 18) ^ (a >>> 3), second = turned(b, 17) ^ turned(b, 19) ^ (b >>> 10);
    w[i] = w[i - 16] + first + w[i - 7] + second;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const sum = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + rounds[i] + w[i];
    const other = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    [a, b, c, d, e, f, g, h] = [(sum + other) | 0, a, b, c, (d + sum) | 0, e, f, g];
  }
  return [a, b, c, d, e, f, g, h].map((word, i) => (word + state[i]) >>> 0);
}

/** The first 32 bits of the fractions of square roots and cube roots of primes. */
function sha256Constants() {
  const primes = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((prime) => n % prime)) primes.push(n);
  const bits = (root) => Math.floor((root % 1) * 2 ** 32) | 0;
  return [primes.slice(0, 8).map((prime) => bits(Math.sqrt(prime))), primes.map((prime) => bits(Math.cbrt(prime)))];
}

/** What a graph says of itself, which onnxruntime-web does not hand out: the metadata at the end of an ONNX file. */
export function factsOf(bytes) {
  for (const [field, entry] of fieldsOf(bytes)) {
    if (field !== 14) continue; // metadata_props, pairs of a key and a value
    const [key, value] = [...fieldsOf(entry)].map(([, text]) => new TextDecoder().decode(text));
    if (key === "audiodiff") return JSON.parse(value);
  }
  throw new Error("this graph does not say what it is: export it with `audiodiff export`");
}

/** The numbered fields of a protocol buffer message that have a length. */
function* fieldsOf(bytes) {
  let place = 0;
  const number = () => {
    let value = 0, scale = 1, byte;
    do {
      byte = bytes[place++];
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte & 128);
    return value;
  };
  while (place < bytes.length) {
    const tag = number(), size = number(); // a graph's other fields are lengths and plain numbers
    if (tag % 8 !== 2) continue;
    yield [tag >> 3, bytes.subarray(place, place + size)];
    place += size;
  }
}

if (typeof process !== "undefined" && process.argv[1] && import.meta.url.endsWith(process.argv[1].split("/").pop())) {
  const [{ readFileSync, writeFileSync }, ort] = await Promise.all([import("node:fs"), import("onnxruntime-web")]);
  const [model, mel, out, seed = "0"] = process.argv.slice(2);
  ort.env.wasm.numThreads = 1;
  const vocoder = await OnnxVocoder.create(ort, readFileSync(model), { executionProviders: ["wasm"] });
  const bytes = readFileSync(mel);
  const wave = await vocoder.vocode(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4), Number(seed));
  writeFileSync(out, new Uint8Array(wave.buffer, wave.byteOffset, wave.byteLength));
}
