//! Cortex-M: the timer is SysTick.

use core::cell::Cell;

use cortex_m::peripheral::{SYST, syst::SystClkSource};
use critical_section::Mutex;

pub use cortex_m_rt::entry;

static ON_TICK: Mutex<Cell<fn()>> = Mutex::new(Cell::new(|| ()));

/// Calls `on_tick` from an interrupt handler, every `period` ticks of the processor's clock.
pub fn start_timer(period: u32, on_tick: fn()) {
    critical_section::with(|cs| ON_TICK.borrow(cs).set(on_tick));
    let mut timer = timer();
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(period - 1);
    timer.clear_current();
    timer.enable_interrupt();
    timer.enable_counter();
}

pub fn stop_timer() {
    timer().disable_interrupt();
}

fn timer() -> SYST {
    // SAFETY: nothing else in the program uses SysTick, and all that is done with it here is writing single registers, from
    // one context.
    unsafe { cortex_m::Peripherals::steal() }.SYST
}

#[cortex_m_rt::exception]
fn SysTick() {
    critical_section::with(|cs| ON_TICK.borrow(cs).get())();
}
