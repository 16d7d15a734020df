//! The tests in wasm, in headless Chromium.

use std::process::Command;

use anyhow::Result;

use crate::test::{Run, WASM_TESTS, apt_install, silent};
use crate::tools::{self, progress};

/// Either will do.
const BROWSERS: [&str; 2] = ["chromium", "google-chrome"];
/// What there is to install, where packages are Debian's.
const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];

pub fn tests(run: &mut Run) -> Result<()> {
    if !ready() {
        run.skip("tests in Chromium: needs chromium and chromedriver");
        return Ok(());
    }
    // No test is made for one of Node.js and the browser only, so they run wherever they are told to.
    for dir in WASM_TESTS {
        let mut wasm_pack = Command::new("wasm-pack");
        wasm_pack
            .args(["test", "--headless", "--chrome", "--mode", "no-install"])
            .env("WASM_BINDGEN_USE_BROWSER", "1")
            .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", tools::root().join("tests/wasm/webdriver.json"))
            // Seconds that the tests of one program may take.
            .env("WASM_BINDGEN_TEST_TIMEOUT", "300");
        run.tests(wasm_pack.arg(dir))?;
    }
    Ok(())
}

/// Whether Chromium and its driver are there, or could be installed.
fn ready() -> bool {
    let there = |program: &&str| silent(program, &["--version"]).is_some();
    let works = || BROWSERS.iter().any(there) && there(&"chromedriver");
    works() || {
        progress("Installing Chromium");
        apt_install(&PACKAGES) && works()
    }
}
