//! What `longrun worker` does about a unit: it runs a command. Everything around that is `longrun_worker`'s.

mod command;
mod group;
mod tail;

pub(crate) use command::CommandRunner;
