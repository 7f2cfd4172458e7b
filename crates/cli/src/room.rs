//! Room for connections: each takes one of the files that the system lets a process have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// So many are enough for most, and few enough for commands of executors, which inherit the limit and may look at
/// every number below it.
const FILES_WANTED: u64 = 65_536;

/// Asks for as much room as a server may need. Shells give a thousand files unless they are asked, and a caller who
/// waits holds one.
pub(crate) fn ask() {
    let Some(wanted) = raised(getrlimit(Resource::Nofile)) else {
        return;
    };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        tracing::warn!(%error, files_max = wanted.current, "there is no room for more connections");
    }
}

/// The limit as it should be, if that may be had and is more than there is.
fn raised(limit: Rlimit) -> Option<Rlimit> {
    let most = limit.maximum.unwrap_or(FILES_WANTED).min(FILES_WANTED);
    (limit.current? < most).then_some(Rlimit {
        current: Some(most),
        ..limit
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_raised_as_far_as_it_may_be_and_never_lowered() {
        for (current, maximum, expected) in [
            (Some(1_024), Some(524_288), Some(FILES_WANTED)),
            (Some(1_024), None, Some(FILES_WANTED)),
            (Some(1_024), Some(4_096), Some(4_096)),
            (Some(4_096), Some(4_096), None),
            (Some(100_000), Some(524_288), None),
            (None, None, None),
        ] {
            let found = raised(Rlimit { current, maximum });
            let expected = expected.map(|current| Rlimit {
                current: Some(current),
                maximum,
            });
            assert_eq!(found, expected, "{current:?} {maximum:?}");
        }
    }
}
