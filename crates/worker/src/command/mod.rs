//! Working on a unit by running a command: what `longrun worker` does, and a server that has been told a command.
//!
//! The unit's id stands in the arguments, its input on stdin, and about the rest the command is told in variables. The
//! exit status says whether it succeeded, and the last line of stdout that is JSON is its output.

mod group;
mod runner;
mod tail;

pub use runner::{CommandRunner, NoProgram};
