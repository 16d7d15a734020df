// Runs one program with several modules, which differ in their allocator only.
//
// usage: node run.mjs '{"program": "json", "inputs": ["path", ...], "modules": ["path", ...], "rounds": 20, "patience": 20, "limit": 1073741824}'
//
// A module is stopped when a second round takes `patience` times as long as the first module's. One may be slow for no fault of its own: fresh
// memory is dear, and so is a busy machine.
// If there are several inputs, the rounds take one after the other.
// Each module has one instance, which does all its rounds, as a service would. The modules take turns
// within each round, and another one begins each time, so that whatever else the machine does meets all alike.
import { readFileSync } from "node:fs";

const { program, inputs, modules, rounds, patience, limit } = JSON.parse(process.argv[2]);
const texts = inputs.length ? inputs.map((path) => readFileSync(path)) : [Buffer.alloc(0)];

const runs = modules.map((path) => {
  const run = { times: [], memories: [], checksums: [], slow: 0 };
  const panicked = (start, length) => {
    run.panic = Buffer.from(run.exports.memory.buffer, start, length).toString();
  };
  const module = new WebAssembly.Module(readFileSync(path));
  const { exports } = new WebAssembly.Instance(module, { host: { panicked } });
  run.exports = exports;
  const places = texts.map((text) => {
    const start = exports.input(text.length);
    new Uint8Array(exports.memory.buffer).set(text, start);
    return [start, text.length];
  });
  run.work = (which) => exports[`run_${program}`](...places[which]);
  return run;
});

for (let round = 0; round < rounds; round++) {
  const which = round % texts.length;
  if (process.stderr.isTTY) process.stderr.write(`\r    ${program}: round ${round + 1} of ${rounds} `);
  for (let turn = 0; turn < runs.length; turn++) {
    const run = runs[(round + turn) % runs.length];
    if (run.error) continue;
    const begin = performance.now();
    try {
      const checksum = BigInt.asUintN(64, run.work(which)).toString(16);
      run.times.push(performance.now() - begin);
      run.memories.push(run.exports.memory.buffer.byteLength);
      if (run.times.at(-1) > patience * (runs[0].times.at(-1) ?? Infinity)) run.slow++;
      if (run.slow === 2) run.error = "timeout";
      run.checksums[which] ??= checksum;
      if (run.checksums[which] !== checksum) run.error = "another checksum than in the rounds before";
    } catch (error) {
      // A program that gets no memory stops without a message, and memory is then at least half full: no
      // request here is for more than the other half.
      const exhausted = !run.panic && run.exports.memory.buffer.byteLength > limit / 2;
      run.error = exhausted ? "out of memory" : (run.panic ?? error.message);
    }
    if (run.error) {
      run.round = round + 1;
      run.memories.push(run.exports.memory.buffer.byteLength);
      // Its memory is needed for the others.
      run.exports = run.work = undefined;
    }
  }
}
process.stderr.write(process.stderr.isTTY ? "\n" : `    ${program}: ${rounds} rounds done\n`);

const results = runs.map(({ times, memories, checksums, error, round }) => ({
  times,
  memories,
  checksum: checksums.join(" "),
  error,
  round,
}));
console.log(JSON.stringify(results));
