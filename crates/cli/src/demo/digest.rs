//! The command that the demonstration's worker runs.

use crate::out;
use anyhow::Context;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file
    path: PathBuf,
    /// How long to take at least
    #[arg(long, value_name = "MS", default_value = "0")]
    pace_ms: u64,
}

/// Prints the SHA-256 of a file and its size, as one line of JSON.
pub(crate) fn digest(args: &Args) -> anyhow::Result<()> {
    std::thread::sleep(Duration::from_millis(args.pace_ms));
    let name = args.path.display();
    let mut file = File::open(&args.path).with_context(|| format!("`{name}` cannot be opened"))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut bytes: u64 = 0;
    loop {
        let length = file
            .read(&mut buffer)
            .with_context(|| format!("`{name}` cannot be read"))?;
        if length == 0 {
            break;
        }
        hasher.update(&buffer[..length]);
        bytes += u64::try_from(length)?;
    }
    let sha256 = hex::encode(hasher.finalize());
    out::line(&serde_json::json!({ "sha256": sha256, "bytes": bytes }).to_string())?;
    Ok(())
}
