//! The classic load balancer's own things: load balancers, listeners, their members, health checks and certificates.
//!
//! What is asked of them is decided here. What the cloud does at once is done at once; what it has a job for becomes an
//! operation, and the things change when that has ended well.

mod deed;
mod job;
mod things;

pub(super) use deed::{manage, manages};
pub(super) use job::{entities, submitted};
pub(super) use things::{check, settle};
