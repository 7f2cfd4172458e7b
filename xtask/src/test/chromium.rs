//! A browser for the test of the console, and what drives it.

use super::debian;
use crate::shell;
use anyhow::{Context, Result};
use std::path::PathBuf;

/// What the tests call; it finds the browser by itself.
const DRIVER: &str = "chromedriver";
/// Debian's packages: the driver of the very same version as the browser.
const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];

/// The driver of a browser, installed if there is none.
pub(crate) fn driver() -> Result<PathBuf> {
    if let Some(driver) = shell::found(DRIVER) {
        return Ok(driver);
    }
    let why = "the test of the console needs a browser";
    debian::install(why, &PACKAGES)?;
    shell::found(DRIVER)
        .with_context(|| format!("{why}, and the packages have brought no {DRIVER}"))
}
