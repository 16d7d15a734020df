//! What can be wrong, in words.

use core::fmt;

/// What was found. Addresses and sizes are those that the program knows the block by.
#[derive(Clone, Copy)]
#[repr(usize)] // So that `None` is zero: a heap in a `static` takes no space in the binary.
pub(crate) enum Misuse {
    None,
    NoBlock { addr: usize, size: usize, align: usize },
    FreedTwice { addr: usize, size: usize },
    WrongLayout { addr: usize, size: usize, align: usize, given: usize, given_align: usize },
    Overflow { addr: usize, size: usize, at: usize },
    WrittenAfterFree { at: usize, addr: usize, size: usize },
    WrittenWhileFree { at: usize },
    DamagedList { at: usize },
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::None => Ok(()),
            Self::NoBlock { addr, size, align } => write!(
                f,
                "{addr:#x} ({size} bytes, alignment {align}) is freed or resized, but there is no such block in this \
                 heap; or the bytes right before it were overwritten"
            ),
            Self::FreedTwice { addr, size } => {
                write!(f, "the block of {size} bytes at {addr:#x} is freed or resized after it was freed")
            }
            Self::WrongLayout { addr, size, align, given, given_align } => write!(
                f,
                "the block at {addr:#x} was allocated with {size} bytes, alignment {align}, but is freed or resized \
                 as one of {given} bytes, alignment {given_align}"
            ),
            Self::Overflow { addr, size, at } => write!(
                f,
                "the block of {size} bytes at {addr:#x} was written to past its end, at {at:#x} (offset {})",
                at - addr
            ),
            Self::WrittenAfterFree { at, addr, size } => write!(
                f,
                "the block of {size} bytes at {addr:#x} was written to after it was freed, at {at:#x} (offset {})",
                at - addr
            ),
            Self::WrittenWhileFree { at } => {
                write!(f, "free memory was written to, at {at:#x} or right behind it")
            }
            Self::DamagedList { at } => {
                write!(f, "free memory was written to: the list of free blocks leads to {at:#x}")
            }
        }
    }
}

impl Misuse {
    /// Panics with a message, and stops the program even where panics unwind: an allocator must not.
    ///
    /// The panic hook may allocate, from this heap too: it is not called under the lock.
    #[cold]
    pub(crate) fn stop(&self) -> ! {
        // A panic does not leave an `extern "C"` function: the program is aborted there.
        extern "C" fn panic(misuse: &Misuse) -> ! {
            panic!("misuse of the heap: {misuse}")
        }
        panic(self)
    }
}
