// Runs modules of tests/wasm-threads: one instance in each of several workers, all over one shared memory.
//
//   node tests/wasm/threads.mjs <module>...
//
// Meanwhile memory is grown from here, too, and nobody else may write there.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

const THREADS = 4, STEPS = 20_000, STACK = 1 << 18, PAGE = 65536;
const INITIAL = 32, MAXIMUM = 16384; // In pages, as the modules are linked.
const CANARY = 0xc5;

if (isMainThread) {
  let passed = 0;
  for (const path of process.argv.slice(2)) {
    await test(path);
    console.log(`${basename(path, ".wasm")} ... ok`);
    passed++;
  }
  console.log(`test result: ok. ${passed} passed; 0 failed`);
} else {
  const { module, memory, id, stack, tls } = workerData;
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  exports.__stack_pointer.value = stack;
  exports.__wasm_init_tls(tls);
  parentPort.postMessage(exports.work(id, THREADS, STEPS));
}

async function test(path) {
  const module = new WebAssembly.Module(readFileSync(path));
  const memory = new WebAssembly.Memory({ initial: INITIAL, maximum: MAXIMUM, shared: true });
  // Puts the data into memory; the instances in the workers find it there.
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const workers = [];
  for (let id = 0; id < THREADS; id++) {
    const stack = exports.room(STACK, 16) + STACK;
    const tls = exports.room(exports.__tls_size.value, exports.__tls_align.value);
    workers.push(new Worker(new URL(import.meta.url), { workerData: { module, memory, id, stack, tls } }));
  }
  const mine = [];
  const growing = setInterval(() => {
    const start = memory.grow(1) * PAGE;
    new Uint8Array(memory.buffer, start, PAGE).fill(CANARY);
    mine.push(start);
  }, 5);
  const hung = setTimeout(() => fail(path, "it hangs"), 60_000);
  const results = await Promise.all(workers.map((worker) => new Promise((resolve) => {
    worker.on("message", resolve);
    worker.on("error", (error) => fail(path, error.stack));
  })));
  clearInterval(growing);
  clearTimeout(hung);
  const damaged = results.reduce((sum, found) => sum + found, 0);
  if (damaged !== 0) fail(path, `${damaged} blocks were damaged`);
  if (mine.length === 0) fail(path, "it was over before memory was grown from outside");
  for (const start of mine) {
    const page = new Uint8Array(memory.buffer, start, PAGE);
    if (page.some((byte) => byte !== CANARY)) fail(path, "memory of somebody else was touched");
  }
}

function fail(path, why) {
  console.log(`${basename(path, ".wasm")} ... FAILED: ${why}`);
  process.exit(1);
}
