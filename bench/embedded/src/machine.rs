//! What the programs that run find on QEMU's `mps2-an386`.

/// What to do: the size of the heap in bytes, and a number. QEMU writes both there before the program starts.
const ORDER: *const [u32; 2] = core::ptr::without_provenance(0x2100_0000);
/// Where the heap lies: aligned to 8, as a static array may be.
pub const HEAP_START: *mut u8 = core::ptr::without_provenance_mut(0x2110_0008);

pub fn order() -> (usize, u32) {
    // SAFETY: there is RAM, and it is nobody's.
    let [bytes, number] = unsafe { ORDER.read_volatile() };
    (bytes as usize, number)
}

const SYSTICK_CONTROL: *mut u32 = core::ptr::without_provenance_mut(0xE000_E010);
const SYSTICK_RELOAD: *mut u32 = core::ptr::without_provenance_mut(0xE000_E014);
const SYSTICK_NOW: *mut u32 = core::ptr::without_provenance_mut(0xE000_E018);
const MASK: u32 = 0xFF_FFFF;

/// Starts the timer, which counts down at 25 MHz from 2^24.
pub fn start_timer() {
    // SAFETY: these are the registers of SysTick, which nothing else uses.
    unsafe {
        SYSTICK_RELOAD.write_volatile(MASK);
        SYSTICK_NOW.write_volatile(0);
        SYSTICK_CONTROL.write_volatile(0b101);
    }
}

#[inline(always)]
fn now() -> u32 {
    // SAFETY: as above.
    unsafe { SYSTICK_NOW.read_volatile() }
}

/// The ticks from before to after `work`, less than 2^24.
#[inline(always)]
pub fn ticks(work: impl FnOnce()) -> u32 {
    let before = now();
    work();
    let after = now();
    before.wrapping_sub(after) & MASK
}
