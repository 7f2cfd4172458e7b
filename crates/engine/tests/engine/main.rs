//! The engine over the memory store, on a clock that the test moves.

#![expect(
    clippy::unwrap_used,
    reason = "this is a program of tests, and clippy takes what tests share for no test"
)]

mod commands;
mod others;
mod setup;
mod waits;
