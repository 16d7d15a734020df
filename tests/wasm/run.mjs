// What only a whole linear memory of one's own can show: blocks of 2 GiB, memory that ends at 4 GiB, and
// growth from JavaScript.
//
//   cargo build -p lite-alloc-conformance --target wasm32-unknown-unknown
//   node tests/wasm/run.mjs target/wasm32-unknown-unknown/debug
//
// Takes any number of directories with a `lite_alloc_conformance.wasm`, runs every test in an instance of its own, and
// exits with 1 if one fails. A second argument that is no directory is taken as part of the names to run.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { argv, exit, stdout } from "node:process";

const KIB = 1024, MIB = 1024 * KIB, GIB = 1024 * MIB, PAGE = 64 * KIB;
const MOST = 2 ** 31 - 1; // isize::MAX, the size of the largest layout.
const TOP = 2 ** 32; // No block may end here: as an address, that is 0.
const CANARY = 0xc5;

const kinds = {
  // Blocks are powers of two at multiples of their size: one of 2 GiB could only end at 4 GiB.
  bump: { keepsAll: true, coalesces: false, powers: true, most: GIB },
  segregated: { keepsAll: false, coalesces: false },
  freelist: { keepsAll: true, coalesces: true },
  large_heap: { keepsAll: true, coalesces: true },
  // A block moves to grow, always.
  smallest: { keepsAll: true, coalesces: true, moves: true },
  // Over all of linear memory: what is left of the initial pages, too.
  whole: { keepsAll: true, coalesces: true, whole: true },
  whole_segregated: { keepsAll: false, coalesces: false, whole: true },
};

// An instance with one heap in use, whose blocks are checked as they come.
class Heap {
  constructor(module, name) {
    const { exports } = new WebAssembly.Instance(module);
    Object.assign(this, { most: MOST }, kinds[name], { name, exports, memory: exports.memory, live: new Map() });
    this.initial = this.size;
  }

  get size() {
    return this.memory.buffer.byteLength;
  }

  get bytes() {
    return new Uint8Array(this.memory.buffer);
  }

  get free() {
    return Number(this.exports[`${this.name}_free`]());
  }

  call(what, ...args) {
    return this.exports[`${this.name}_${what}`](...args) >>> 0;
  }

  accept(ptr, size, align) {
    assert(ptr % align === 0, `${hex(ptr)} is not aligned to ${align}`);
    if (this.whole) assert(ptr >= this.exports.heap_base(), `${hex(ptr)} is in the module's data or stack`);
    else assert(ptr >= this.initial, `${hex(ptr)} is in the initial memory`);
    assert(ptr + size <= this.size, `${hex(ptr)} + ${hex(size)} is past the end of memory`);
    assert(ptr + size < TOP, `${hex(ptr)} + ${hex(size)} ends at address 0`);
    this.live.set(ptr, { size, align });
    return ptr;
  }

  // Returns 0 if the request is refused, and checks that this changes nothing.
  alloc(size, align = 8, zeroed = false) {
    // Counting what is free takes long when it is in many pieces.
    const before = { size: this.size, free: this.keepsAll && this.live.size < 100 ? this.free : 0 };
    const ptr = this.call(zeroed ? "alloc_zeroed" : "alloc", size, align);
    if (ptr === 0) {
      assert.equal(this.size, before.size, "a refused request made memory grow");
      if (before.free) assert.equal(this.free, before.free, "a refused request changed what is free");
      return 0;
    }
    return this.accept(ptr, size, align);
  }

  get(size, align = 8, zeroed = false) {
    const ptr = this.alloc(size, align, zeroed);
    assert(ptr !== 0, `${size} bytes at ${align} are refused, with ${this.size} bytes of memory`);
    return ptr;
  }

  dealloc(ptr) {
    const { size, align } = this.live.get(ptr);
    this.live.delete(ptr);
    this.exports[`${this.name}_dealloc`](ptr, size, align);
  }

  realloc(ptr, size) {
    const old = this.live.get(ptr);
    const moved = this.call("realloc", ptr, old.size, old.align, size);
    if (moved === 0) return 0;
    this.live.delete(ptr);
    return this.accept(moved, size, old.align);
  }

  // Somebody else grows memory, and finds what they wrote as they left it.
  foreign(pages = 1) {
    const start = this.memory.grow(pages) * PAGE;
    this.bytes.fill(CANARY, start, start + pages * PAGE);
    (this.others ??= []).push([start, start + pages * PAGE]);
  }

  checkForeign() {
    for (const [start, end] of this.others ?? []) {
      assert(this.bytes.subarray(start, end).every((byte) => byte === CANARY), `${hex(start)} was touched`);
      for (const [ptr, { size }] of this.live) assert(ptr + size <= start || end <= ptr, "a block in foreign pages");
    }
  }

  checkDisjoint() {
    let end = 0;
    for (const [ptr, { size }] of [...this.live].sort(([a], [b]) => a - b)) {
      assert(end <= ptr, `blocks overlap at ${hex(ptr)}`);
      end = ptr + size;
    }
  }

  // Allocates until there is no more, ever smaller.
  exhaust(sizes) {
    const blocks = [];
    for (const size of sizes) {
      for (let ptr; (ptr = this.alloc(size)) !== 0; ) {
        blocks.push(ptr);
        this.bytes[ptr] = this.bytes[ptr + size - 1] = blocks.length;
      }
    }
    return blocks;
  }
}

const hex = (address) => `0x${address.toString(16)}`;

// The same numbers in every run.
function random(seed) {
  return (bound) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * bound);
  };
}

function shuffled(items, seed) {
  const below = random(seed);
  for (let i = items.length - 1; i > 0; i--) {
    const j = below(i + 1);
    [items[i], items[j]] = [items[j], items[i]];
  }
  return items;
}

const tests = {
  block_of_isize_max_is_served_and_reused(heap) {
    for (let round = 0; round < 3; round++) {
      const ptr = heap.get(heap.most, 1);
      heap.bytes[ptr] = heap.bytes[ptr + heap.most - 1] = round;
      const size = heap.size;
      assert.equal(heap.alloc(MOST, 1), 0, "two blocks of 2 GiB and the stack do not fit in 4 GiB");
      assert(heap.get(GIB) !== 0);
      assert.equal(heap.bytes[ptr + heap.most - 1], round);
      if (!heap.keepsAll) return; // Does not use it again, and says so.
      for (const ptr of heap.live.keys()) heap.dealloc(ptr);
      if (round > 0) assert.equal(heap.size, size, "memory grew although the same was free");
    }
  },

  every_alignment_with_the_largest_size_it_may_have(heap, again) {
    for (let bits = 0; bits < 32; bits++) {
      const align = 2 ** bits;
      const sizes = [heap.most + 1 - align, heap.most + 1 - align - 8];
      for (const size of sizes.filter((size) => size > 0 && align < MOST)) {
        const fresh = again();
        const ptr = fresh.alloc(size, align, bits % 2 === 0);
        assert(ptr !== 0 || align > GIB / 2, `${size} bytes at ${align} are refused in empty memory`);
        if (ptr !== 0) fresh.bytes[ptr + size - 1] = 1;
        fresh.get(100);
      }
    }
  },

  block_starts_at_2_gib_and_at_every_other_alignment(heap) {
    for (let bits = 0; bits < 31; bits++) heap.get(8, 2 ** bits);
    // isize::MAX rounded down to a multiple of 2^31 is 0, so a layout of that alignment has no bytes; half of it does.
    assert([...heap.live.keys()].some((ptr) => ptr % GIB === 0));
    heap.get(heap.powers ? GIB / 2 : MOST - GIB);
    assert(heap.size > 2 * GIB);
    heap.checkDisjoint();
  },

  memory_to_4_gib_exhausted_freed_and_exhausted_again(heap) {
    const counts = [];
    for (let round = 0; round < 3; round++) {
      // Blocks of any size come back only where they are merged.
      const blocks = heap.exhaust(heap.coalesces ? [16 * MIB, MIB, PAGE, KIB, 64, 8] : [16 * MIB]);
      heap.checkDisjoint();
      const live = [...heap.live.values()].reduce((sum, { size }) => sum + size, 0);
      counts.push(live);
      assert(heap.size >= TOP - (heap.coalesces ? PAGE : 17 * MIB), `memory ends at ${hex(heap.size)}`);
      const size = heap.size;
      if (heap.coalesces) assert.equal(heap.alloc(1), 0, "exhausted, and still served");
      assert.equal(heap.alloc(MOST, 1), 0);
      assert.equal(heap.size, size);
      for (const ptr of shuffled(blocks, round)) heap.dealloc(ptr);
      if (!heap.keepsAll) break;
    }
    // Before the first and behind the last there may be less than one of these blocks takes.
    assert(counts[0] > TOP - (heap.coalesces ? 4 : heap.powers ? 36 : 20) * MIB, `only ${counts[0]} bytes of 4 GiB were served`);
    for (const count of counts) assert.equal(count, counts[0], "bytes served in each round");
    if (heap.keepsAll) assert(heap.free >= counts[0]);
  },

  small_blocks_to_the_end_of_memory(heap) {
    if (heap.powers) {
      heap.exhaust(Array.from({ length: 9 }, (_, power) => GIB / 2 ** power));
    } else {
      heap.get(MOST, 1);
      heap.get(MOST - 4 * MIB, 1);
    }
    const blocks = heap.exhaust([128, 16]);
    assert(blocks.length > 1000);
    heap.checkDisjoint();
    const [last] = [...heap.live.keys()].sort((a, b) => b - a);
    assert(last > TOP - 3 * PAGE, `the last block is at ${hex(last)}`);
    for (const ptr of shuffled([...blocks], 3)) heap.dealloc(ptr);
    assert.equal(heap.exhaust([128, 16]).length, blocks.length);
  },

  one_block_of_everything_after_4_gib_in_pieces(heap) {
    const blocks = heap.exhaust([8 * MIB, PAGE]);
    const size = heap.size;
    for (const ptr of shuffled(blocks, 1)) heap.dealloc(ptr);
    // A free block longer than isize::MAX; two of nearly that size come out of it.
    const first = heap.get(MOST - MIB, PAGE);
    const second = heap.get(MOST - 4 * MIB, 8);
    assert.equal(heap.size, size);
    heap.bytes[first] = heap.bytes[second] = 1;
    heap.checkDisjoint();
    heap.dealloc(first);
    heap.dealloc(second);
    heap.get(MOST, 1);
  },

  refused_requests_leave_memory_as_it_was(heap) {
    for (const size of [GIB, GIB, heap.powers ? GIB / 2 : GIB]) heap.get(size);
    const size = heap.size;
    for (let round = 0; round < 50; round++) {
      for (const [bytes, align] of [[MOST, 1], [MOST - 7, 8], [GIB, GIB], [GIB + 1, 2 * KIB]]) {
        assert.equal(heap.alloc(bytes, align, round % 2 === 1), 0, `${bytes} at ${align}`);
      }
    }
    assert.equal(heap.size, size);
    heap.get(100);
  },

  realloc_up_to_isize_max(heap) {
    let ptr = heap.get(1000);
    heap.bytes.fill(7, ptr, ptr + 1000);
    for (const size of [MIB, 100 * MIB, GIB, MOST - 7].filter((size) => size <= heap.most)) {
      const moved = heap.realloc(ptr, size);
      assert(moved === ptr || ((heap.powers || heap.moves) && moved !== 0), "the last block of memory moved to grow");
      ptr = moved;
    }
    assert(heap.bytes.subarray(ptr, ptr + 1000).every((byte) => byte === 7));
    const other = heap.get(GIB, 8);
    heap.bytes[other] = 9;
    assert.equal(heap.realloc(other, MOST - 7), 0, "no room for that");
    assert(heap.live.has(other) && heap.bytes[other] === 9);
    ptr = heap.realloc(ptr, 1000);
    assert(heap.bytes.subarray(ptr, ptr + 1000).every((byte) => byte === 7));
  },

  zeroed_block_is_zero_where_there_was_something(heap) {
    const dirty = heap.get(300 * KIB);
    heap.bytes.fill(0xff, dirty, dirty + 300 * KIB);
    heap.dealloc(dirty);
    for (const size of [10, 100 * KIB, 300 * KIB, 2 * MIB]) {
      const ptr = heap.get(size, 8, true);
      assert(heap.bytes.subarray(ptr, ptr + size).every((byte) => byte === 0), `${size} bytes are not zero`);
      heap.bytes.fill(0xff, ptr, ptr + size);
    }
  },

  growth_by_javascript_before_the_first_allocation(heap) {
    heap.foreign(2);
    for (const size of [1, 100, PAGE, 10 * PAGE]) {
      const ptr = heap.get(size);
      heap.bytes.fill(1, ptr, ptr + size);
    }
    heap.checkForeign();
  },

  growth_by_javascript_between_allocations(heap) {
    const below = random(4);
    for (let round = 0; round < 60; round++) {
      for (const size of [16, 1000, below(3 * PAGE) + 1]) {
        let ptr = heap.get(size, 2 ** below(8));
        heap.bytes.fill(1, ptr, ptr + size);
        if (round % 3 === 0) heap.foreign(1 + (round % 2));
        if ((ptr = heap.realloc(ptr, 2 * size)) !== 0) heap.bytes.fill(1, ptr, ptr + 2 * size);
      }
      if (round % 2 === 0) heap.dealloc([...heap.live.keys()][below(heap.live.size)]);
    }
    heap.checkForeign();
    heap.checkDisjoint();
  },

  growth_by_javascript_to_the_very_end(heap) {
    // Memory of 65536 pages: its size in bytes is 0 in 32 bits.
    heap.memory.grow(65536 - heap.size / PAGE);
    assert.equal(heap.size, TOP);
    for (const size of [heap.whole ? PAGE : 1, 2 * PAGE, MOST]) assert.equal(heap.alloc(size, 1), 0);
  },

  growth_by_javascript_to_the_very_end_of_a_heap_in_use(heap) {
    const first = heap.get(1000);
    heap.memory.grow(65536 - heap.size / PAGE);
    assert.equal(heap.alloc(PAGE), 0);
    assert(heap.alloc(1000) > first, "the rest of the heap's last page can still be used");
    assert.equal(heap.realloc(first, 2 * PAGE), 0);
    heap.checkDisjoint();
  },

  random_program_keeps_its_blocks(heap) {
    const below = random(7);
    const fill = (ptr, size, from, byte) => heap.bytes.fill(byte, ptr + from, ptr + size);
    const intact = (ptr, size, byte) => heap.bytes.subarray(ptr, ptr + size).every((value) => value === byte);
    const marks = new Map();
    for (let step = 0; step < 6000; step++) {
      const keys = [...heap.live.keys()];
      const size = 1 + below(2 ** below(15));
      const action = keys.length < 50 ? 0 : below(5);
      if (action < 2 && keys.length < 150) {
        const zeroed = below(2) === 1;
        const ptr = heap.get(size, 2 ** below(10), zeroed);
        if (zeroed) assert(intact(ptr, size, 0), "not zero");
        marks.set(ptr, step % 255);
        fill(ptr, size, 0, step % 255);
      } else {
        const ptr = keys[below(keys.length)];
        const old = heap.live.get(ptr).size;
        const mark = marks.get(ptr);
        assert(intact(ptr, old, mark), `the block at ${hex(ptr)} was overwritten`);
        if (action === 4) {
          const moved = heap.realloc(ptr, size);
          assert(moved !== 0);
          assert(intact(moved, Math.min(old, size), mark), "contents lost");
          marks.delete(ptr);
          marks.set(moved, mark);
          fill(moved, size, 0, mark);
        } else {
          heap.dealloc(ptr);
          marks.delete(ptr);
        }
      }
      if (step % 500 === 0) {
        heap.foreign();
        heap.checkDisjoint();
      }
    }
    heap.checkForeign();
  },
};

// What only a heap over all of linear memory promises.
const ofWhole = {
  small_module_never_grows(heap) {
    const rest = heap.initial - heap.exports.heap_base();
    assert(rest > 4 * KIB, `only ${rest} bytes are left of the initial memory: the test needs another module`);
    const first = heap.get(128);
    assert(first < heap.initial && first - heap.exports.heap_base() < 16, `the first block is at ${hex(first)}`);
    for (let left = rest - 128 - 16; left >= 128; left -= 128) heap.get(128, 8, true);
    assert.equal(heap.size, heap.initial);
    // What is left now, less than 144 bytes, may do for one more block of 128.
    heap.get(256);
    assert.equal(heap.size, heap.initial + PAGE);
    heap.checkDisjoint();
  },

  first_block_that_is_too_large_for_the_rest_starts_there(heap) {
    const rest = heap.initial - heap.exports.heap_base();
    const size = rest + PAGE - 16;
    const ptr = heap.get(size, 8, true);
    assert(ptr < heap.initial);
    assert.equal(heap.size, heap.initial + PAGE, "more was grown than was missing");
    assert(heap.bytes.subarray(ptr, ptr + size).every((byte) => byte === 0));
  },

  rest_is_used_though_others_grew_memory_first(heap) {
    heap.foreign(1);
    const large = heap.get(10 * PAGE, 8, true);
    assert(large >= heap.initial + PAGE);
    const { size } = heap;
    for (let left = heap.initial - heap.exports.heap_base() - 16; left >= 128; left -= 128) {
      const ptr = heap.get(128, 8, true);
      assert(ptr < heap.initial, "the rest of the initial memory was lost");
      assert(heap.bytes.subarray(ptr, ptr + 128).every((byte) => byte === 0));
    }
    assert.equal(heap.size, size);
    heap.checkDisjoint();
    heap.checkForeign();
  },

  refused_first_request_leaves_the_rest(heap) {
    heap.memory.grow(65536 - heap.size / PAGE);
    assert.equal(heap.alloc(MOST, 1), 0);
    assert.equal(heap.alloc(PAGE, 1), 0);
    assert(heap.get(1000) < heap.initial);
  },
};
Object.assign(tests, ofWhole);

// What only a heap that merges free blocks promises.
const ofMerging = ["one_block_of_everything_after_4_gib_in_pieces"];

const paths = argv.slice(2).filter((arg) => existsSync(arg));
const only = argv.slice(2).find((arg) => !existsSync(arg)) ?? "";
if (paths.length === 0) {
  console.error("usage: node tests/wasm/run.mjs <directory with lite_alloc_conformance.wasm>... [part of a name]");
  exit(2);
}
let passed = 0, failed = 0;
for (const path of paths) {
  const module = new WebAssembly.Module(readFileSync(join(path, "lite_alloc_conformance.wasm")));
  for (const [name, test] of Object.entries(tests)) {
    for (const kind of Object.keys(kinds)) {
      if (!`${name}::${kind}`.includes(only)) continue;
      if (ofMerging.includes(name) && !kinds[kind].coalesces) continue;
      if (name in ofWhole && !kinds[kind].whole) continue;
      stdout.write(`test ${name}::${kind} ... `);
      const start = performance.now();
      try {
        test(new Heap(module, kind), () => new Heap(module, kind));
        console.log(`ok (${Math.round(performance.now() - start)} ms)`);
        passed += 1;
      } catch (error) {
        console.log("FAILED");
        console.error(error);
        failed += 1;
      }
    }
  }
}
console.log(`\ntest result: ${failed ? "FAILED" : "ok"}. ${passed} passed; ${failed} failed`);
exit(failed || passed === 0 ? 1 : 0);
