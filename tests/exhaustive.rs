//! Small worlds, exhaustively: on a heap of 32 granules, every sequence of operations up to a length, each step
//! checked against the model. What random programs may miss, this cannot.
//!
//! Each sequence starts over from an empty heap. Only its last step is checked, for those before were when
//! they were the last; then everything is freed, and what is left is looked at.
#![cfg(not(feature = "hardened"))]

#[macro_use]
mod common;

use common::rig::Rig;
use common::steps::{Step, finish, take};
use common::watch::Watch;
use common::{Checked, Kind, Memory, much};
use lite_alloc_core::address::GRANULE;
use proptest::test_runner::TestCaseError;

const PAGE: usize = 4 * GRANULE;
const PAGES: usize = 8;

/// What there is to explore: a heap in some state, and the steps that may be taken from there.
struct World {
    /// The steps that lead to the state.
    start: &'static [Step],
    /// The steps that can always be taken.
    steps: &'static [Step],
    /// The sizes that every live block may be given; it may be freed, too.
    resized: &'static [usize],
    /// How many steps a sequence has after `start`.
    length: usize,
}

const fn alloc(size: usize, align: usize) -> Step {
    Step::Alloc { size, align, zeroed: false }
}

const fn zeroed(size: usize, align: usize) -> Step {
    Step::Alloc { size, align, zeroed: true }
}

const fn dealloc(block: usize) -> Step {
    Step::Dealloc { block }
}

const REFUSE: Step = Step::Refuse { refuses: true };
const FOREIGN: Step = Step::Foreign { pages: 1 };

/// Blocks of three sizes and three alignments, zeroed or not, on fresh memory, with a page of somebody else's anywhere.
const FRESH: World = World {
    start: &[],
    steps: &[
        alloc(GRANULE - 3, 1),
        alloc(3 * GRANULE, 1),
        alloc(9 * GRANULE, 1),
        alloc(GRANULE, 8 * GRANULE),
        alloc(5 * GRANULE, 8 * GRANULE),
        zeroed(2 * GRANULE, 1),
        zeroed(6 * GRANULE, 2 * GRANULE),
        FOREIGN,
        REFUSE,
    ],
    resized: &[1, 3 * GRANULE + 1, 9 * GRANULE],
    length: much(5, 4, 2),
};

/// Few different steps, and so longer sequences: blocks that come and go.
const CHURN: World = World {
    start: &[],
    steps: &[alloc(2 * GRANULE, 1), zeroed(5 * GRANULE, 4 * GRANULE)],
    resized: &[3 * GRANULE],
    length: much(7, 6, 3),
};

/// All memory is taken but for holes of one, two and three granules; nothing more can be had.
const RIDDLED: World = World {
    start: &[
        alloc(GRANULE, 1),
        alloc(2 * GRANULE, 1),
        alloc(2 * GRANULE, 1),
        alloc(GRANULE, 1),
        alloc(3 * GRANULE, 1),
        alloc(7 * GRANULE, 1),
        alloc(8 * GRANULE, 1),
        REFUSE,
        // The last of the live blocks takes the number of the one that is freed.
        dealloc(0),
        dealloc(2),
        dealloc(4),
    ],
    steps: &[
        alloc(GRANULE, 1),
        alloc(2 * GRANULE, 2 * GRANULE),
        zeroed(4 * GRANULE, 1),
        alloc(3 * GRANULE, 4 * GRANULE),
    ],
    resized: &[GRANULE, 4 * GRANULE],
    length: much(4, 3, 1),
};

struct Explorer<'a, K> {
    world: &'a World,
    memory: Memory,
    path: Vec<Step>,
    count: usize,
    kind: core::marker::PhantomData<K>,
}

impl<K: Kind> Explorer<'_, K> {
    /// Takes every step that there is after `path`, and every one after that.
    fn explore<const ZEROED: bool>(&mut self, live: usize, length: usize) -> Checked {
        if length == 0 {
            return Ok(());
        }
        let world = self.world;
        let blocks = (0..live).flat_map(|block| {
            let resized = world.resized.iter().map(move |&size| Step::Realloc { block, size });
            resized.chain([dealloc(block)])
        });
        for step in world.steps.iter().copied().chain(blocks) {
            self.path.push(step);
            let live = self.run::<ZEROED>().map_err(|error| {
                TestCaseError::fail(format!("{error}\nafter {:#?}\nZEROED: {ZEROED}", self.path))
            })?;
            self.count += 1;
            self.explore::<ZEROED>(live, length - 1)?;
            self.path.pop();
        }
        Ok(())
    }

    /// Runs the path on a new heap and returns how many blocks are live at its end.
    fn run<const ZEROED: bool>(&mut self) -> Result<usize, TestCaseError> {
        let watch = Watch::<ZEROED>::new(&mut self.memory.bytes()[..PAGES * PAGE], PAGE);
        watch.fill(if ZEROED { 0 } else { 0xA5 });
        let mut rig = Rig::<K, ZEROED>::new(&watch);
        rig.checks = false;
        for (index, &step) in self.path.iter().enumerate() {
            rig.checks = index + 1 == self.path.len();
            take(&mut rig, step)?;
        }
        let live = rig.live.len();
        rig.checks = false;
        finish(&mut rig)?;
        rig.checks = true;
        rig.check()?;
        Ok(live)
    }
}

fn explore<K: Kind>(world: &World) -> Checked {
    for zeroed in [true, false] {
        let mut explorer = Explorer::<K> {
            world,
            memory: Memory::new(PAGES * PAGE),
            path: world.start.to_vec(),
            count: 0,
            kind: core::marker::PhantomData,
        };
        // How many blocks are live at the start.
        let live = explorer.run::<true>()?;
        // What arrives dirty differs in what must be cleared only.
        let length = world.length - usize::from(!zeroed);
        if zeroed {
            explorer.explore::<true>(live, length)?;
        } else {
            explorer.explore::<false>(live, length)?;
        }
        println!("{} sequences of up to {length} steps", explorer.count);
    }
    Ok(())
}

fn every_sequence_on_fresh_memory<K: Kind>() -> Checked {
    explore::<K>(&FRESH)
}
per_strategy!(every_sequence_on_fresh_memory);

fn every_sequence_of_few_steps<K: Kind>() -> Checked {
    explore::<K>(&CHURN)
}
per_strategy!(every_sequence_of_few_steps);

fn every_sequence_on_a_riddled_heap<K: Kind>() -> Checked {
    explore::<K>(&RIDDLED)
}
per_strategy!(every_sequence_on_a_riddled_heap);
