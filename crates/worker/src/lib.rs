//! Workers for Longrun, and the client of its native API that they stand on.
//!
//! A handler is an async function of a resource, or of a whole operation. What surrounds it is done here: operations
//! are leased as soon as there is room for them, leases are kept by heartbeats, results are told in batches and told
//! again when the server was away, a cancelled operation cancels a token, a lost lease drops the handler, and a worker
//! that shall end finishes what runs and hands back the rest. This crate is a client like any other: it depends on no
//! other part of Longrun, and everything that it does can be done over HTTP.
//!
//! ```no_run
//! use longrun_worker::{Client, Failure, Unit, Worker};
//! use serde_json::{Value, json};
//!
//! async fn reboot(unit: Unit) -> Result<Value, Failure> {
//!     let input: Value = unit.read_input()?;
//!     if input["dry_run"] == true {
//!         return Err(Failure::new("not-supported", "there are no dry runs"));
//!     }
//!     Ok(json!({ "rebooted": unit.id() }))
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let client = Client::new("http://127.0.0.1:8080", std::env::var("LONGRUN_TOKEN").ok())?;
//!     let worker = Worker::new(client).concurrency(8).each_resource("reboot", reboot);
//!     worker.run_until(async { drop(tokio::signal::ctrl_c().await) }).await?;
//!     Ok(())
//! }
//! ```
//!
//! The other side submits and waits:
//!
//! ```no_run
//! # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
//! use longrun_worker::{Client, wire::{NewResource, Submission}};
//! use std::time::Duration;
//!
//! let client = Client::new("http://127.0.0.1:8080", std::env::var("LONGRUN_TOKEN").ok())?;
//! let server = NewResource { id: "cpm-7".to_owned(), ..NewResource::default() };
//! let submission = Submission {
//!     kind: "reboot".to_owned(),
//!     resources: vec![server],
//!     ..Submission::default()
//! };
//! let operation = client.submit(&submission, Some("reboot-cpm-7")).await?;
//! let seen = client.wait(&operation.id, Duration::from_secs(60)).await?;
//! println!("{}: {}", seen.id, seen.status);
//! # Ok(())
//! # }
//! ```

mod backoff;
mod client;
#[cfg(feature = "command")]
pub mod command;
mod ear;
mod halt;
mod handler;
mod line;
mod load;
mod operation;
mod outbox;
mod outcome;
mod post;
mod whole;
mod worker;

pub use backoff::Backoff;
pub use client::{
    Answer, BadAddress, Call, Client, ClientError, Problem, Verb, escaped, is_here, wire,
};
pub use halt::Halt;
pub use handler::Unit;
pub use line::{Answering, Line};
pub use outcome::Outcome;
pub use tokio_util::sync::CancellationToken;
pub use whole::{NotOpen, Whole};
pub use wire::Failure;
pub use worker::Worker;
