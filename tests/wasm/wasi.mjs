// Runs a test binary that was built for wasm32-wasip1 in Node.js:
//
//   CARGO_TARGET_WASM32_WASIP1_RUNNER="node --no-warnings tests/wasm/wasi.mjs" cargo test --target wasm32-wasip1
import { readFile } from "node:fs/promises";
import { env, exit, argv } from "node:process";
import { WASI } from "node:wasi";

const wasi = new WASI({ version: "preview1", args: argv.slice(2), env, returnOnExit: true });
const module = await WebAssembly.compile(await readFile(argv[2]));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
exit(wasi.start(instance));
