//! The program under test.

use crate::cargo::cargo;
use crate::shell;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::path::PathBuf;

/// A line of cargo's account of what it has built; most say nothing of a program.
#[derive(Deserialize)]
struct Built {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// Builds `longrun` and says where it lies, wherever cargo is set to build.
pub(crate) fn longrun() -> Result<PathBuf> {
    let account = shell::output(&mut cargo([
        "build",
        "--package=longrun",
        "--bin=longrun",
        "--message-format=json-render-diagnostics",
    ]))?;
    program(&account, "longrun").context("cargo built `longrun` and does not say where")
}

fn program(account: &str, name: &str) -> Option<PathBuf> {
    let built = account
        .lines()
        .filter_map(|line| serde_json::from_str::<Built>(line).ok());
    let is_it = |target: &Target| target.name == name && target.kind.iter().any(|it| it == "bin");
    built
        .filter(|built| built.target.as_ref().is_some_and(is_it))
        .find_map(|built| built.executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_among_the_rest() {
        let account = r#"
            {"reason":"compiler-artifact","target":{"name":"longrun","kind":["lib"]},"executable":null}
            {"reason":"compiler-artifact","target":{"name":"longrun","kind":["bin"]},"executable":"out/longrun"}
            {"reason":"build-finished","success":true}
        "#;
        assert_eq!(program(account, "longrun"), Some("out/longrun".into()));
        assert_eq!(program(account, "other"), None);
    }
}
