//! RISC-V: the timer is the machine timer of the CLINT, where QEMU's `virt` has it.

use core::cell::Cell;

use critical_section::Mutex;
use riscv::interrupt::Interrupt;
use riscv::register::{mie, mstatus};

pub use riscv_rt::entry;

/// The time at which the timer fires next, low and high half.
const MTIMECMP: *mut u32 = core::ptr::without_provenance_mut(0x0200_4000);
/// The time now, low and high half.
const MTIME: *const u32 = core::ptr::without_provenance(0x0200_BFF8);

#[derive(Clone, Copy)]
struct Timer {
    period: u32,
    on_tick: fn(),
}

static TIMER: Mutex<Cell<Timer>> = Mutex::new(Cell::new(Timer { period: 0, on_tick: || () }));

/// Calls `on_tick` from an interrupt handler, every `period` ticks of the timer's clock.
pub fn start_timer(period: u32, on_tick: fn()) {
    critical_section::with(|cs| TIMER.borrow(cs).set(Timer { period, on_tick }));
    fire_in(period);
    // SAFETY: the handler is below, and it is ready.
    unsafe {
        mie::set_mtimer();
        mstatus::set_mie();
    }
}

pub fn stop_timer() {
    // SAFETY: no code relies on this interrupt.
    unsafe { mie::clear_mtimer() };
}

fn fire_in(ticks: u32) {
    // SAFETY: these are the registers of `virt`, and nothing else writes to them. The programs run for less than the seven
    // minutes after which the low half of the time wraps.
    unsafe {
        let then = MTIME.read_volatile().wrapping_add(ticks);
        MTIMECMP.write_volatile(then);
        MTIMECMP.add(1).write_volatile(0);
    }
}

#[riscv_rt::core_interrupt(Interrupt::MachineTimer)]
fn on_timer() {
    let Timer { period, on_tick } = critical_section::with(|cs| TIMER.borrow(cs).get());
    fire_in(period);
    on_tick();
}
