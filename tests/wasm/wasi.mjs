// Runs a test binary that was built for wasm32-wasip1 in Node.js:
//
//   CARGO_TARGET_WASM32_WASIP1_RUNNER="node tests/wasm/wasi.mjs" cargo test --target wasm32-wasip1
//
// It has what the test harness asks for and no more: arguments, the environment, the clock, random numbers, output. `node:wasi` of
// Node.js 20 crashes now and then when a program exits whose memory has grown.
import { readFileSync, writeSync } from "node:fs";
import { randomFillSync } from "node:crypto";

const OK = 0;
const BADF = 8;
const NOSYS = 52;

const args = process.argv.slice(2);
const environment = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);

class Exit {
  constructor(code) {
    this.code = code;
  }
}

let memory;
const bytes = () => new Uint8Array(memory.buffer);
const view = () => new DataView(memory.buffer);

// Lists of strings are passed as pointers to them and one block that holds them, each ended by a zero.
const encode = (strings) => strings.map((string) => Buffer.from(string + "\0"));
const sizes = (strings) => (count, size) => {
  view().setUint32(count, strings.length, true);
  view().setUint32(size, encode(strings).reduce((sum, string) => sum + string.length, 0), true);
  return OK;
};
const get = (strings) => (pointers, block) => {
  for (const string of encode(strings)) {
    view().setUint32(pointers, block, true);
    bytes().set(string, block);
    pointers += 4;
    block += string.length;
  }
  return OK;
};

const calls = {
  args_sizes_get: sizes(args),
  args_get: get(args),
  environ_sizes_get: sizes(environment),
  environ_get: get(environment),
  clock_time_get: (clock, precision, time) => {
    const now = clock === 0 ? BigInt(Date.now()) * 1_000_000n : process.hrtime.bigint();
    view().setBigUint64(time, now, true);
    return OK;
  },
  random_get: (start, length) => {
    randomFillSync(bytes(), start, length);
    return OK;
  },
  fd_write: (fd, list, count, written) => {
    if (fd !== 1 && fd !== 2) return BADF;
    let sum = 0;
    for (let index = 0; index < count; index++) {
      const start = view().getUint32(list + 8 * index, true);
      const length = view().getUint32(list + 8 * index + 4, true);
      const text = bytes().slice(start, start + length);
      for (let done = 0; done < length; ) done += writeSync(fd, text, done);
      sum += length;
    }
    view().setUint32(written, sum, true);
    return OK;
  },
  // No folder is open.
  fd_prestat_get: () => BADF,
  sched_yield: () => OK,
  proc_exit: (code) => {
    throw new Exit(code);
  },
};

const module = new WebAssembly.Module(readFileSync(args[0]));
const imports = {};
for (const { name } of WebAssembly.Module.imports(module)) imports[name] = calls[name] ?? (() => NOSYS);
const instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: imports });
memory = instance.exports.memory;
try {
  instance.exports._start();
} catch (error) {
  if (!(error instanceof Exit)) throw error;
  process.exitCode = error.code;
}
