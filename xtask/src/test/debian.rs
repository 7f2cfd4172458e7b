//! Packages of the system, where it is a Debian or one of its kin.

use crate::{say, shell};
use anyhow::{Context, Result};
use std::io::{IsTerminal, stdin};
use std::process::Command;

/// Installs packages. `why` says what is missing.
pub(crate) fn install(why: &str, packages: &[&str]) -> Result<()> {
    let by_hand = || format!("{why}; please install {}", packages.join(", "));
    shell::found("apt-get").with_context(by_hand)?;
    let user_id = shell::output(Command::new("id").arg("-u"))?;
    let prefix = rights(
        user_id.trim() == "0",
        shell::found("sudo").is_some(),
        stdin().is_terminal(),
    )
    .with_context(by_hand)?;
    say::line(format_args!(
        "{why}: installing the packages {}",
        packages.join(", ")
    ));
    let update = ["update", "--quiet"];
    let install = ["install", "--quiet", "--yes", "--no-install-recommends"];
    shell::run(&mut apt_get(prefix, &update)).with_context(by_hand)?;
    shell::run(apt_get(prefix, &install).args(packages)).with_context(by_hand)
}

/// What to put before a command so that it may change the system; nothing if there is no way.
fn rights(is_root: bool, has_sudo: bool, has_terminal: bool) -> Option<&'static [&'static str]> {
    match (is_root, has_sudo, has_terminal) {
        (true, _, _) => Some(&["env"]),
        (false, true, true) => Some(&["sudo", "env"]),
        // Without a terminal nobody can type a password, and waiting for one would never end.
        (false, true, false) => Some(&["sudo", "--non-interactive", "env"]),
        (false, false, _) => None,
    }
}

fn apt_get(prefix: &[&str], arguments: &[&str]) -> Command {
    let mut command = Command::new(prefix[0]);
    command
        .args(&prefix[1..])
        .args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
        .args(arguments);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_asked_for_where_they_can_be_had() {
        for (is_root, has_sudo, has_terminal, first) in [
            (true, false, false, Some("env")),
            (true, true, true, Some("env")),
            (false, true, true, Some("sudo")),
            (false, true, false, Some("sudo")),
            (false, false, true, None),
        ] {
            let prefix = rights(is_root, has_sudo, has_terminal);
            let row = (is_root, has_sudo, has_terminal);
            assert_eq!(prefix.map(|prefix| prefix[0]), first, "{row:?}");
            let asks = prefix.is_some_and(|prefix| prefix == ["sudo", "env"]);
            assert_eq!(asks, row == (false, true, true), "{row:?}");
        }
    }

    #[test]
    fn the_whole_command() {
        let command = apt_get(&["sudo", "--non-interactive", "env"], &["update"]);
        assert_eq!(command.get_program(), "sudo");
        let arguments: Vec<_> = command.get_args().collect();
        let expected = [
            "--non-interactive",
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "update",
        ];
        assert_eq!(arguments, expected);
    }
}
