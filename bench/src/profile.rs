//! Where the server spends its time under one scenario's load.

use crate::load;
use crate::plan::Plan;
use crate::report::tell;
use crate::scenarios;
use anyhow::{Context, ensure};
use std::process::{Command, Stdio};

/// Samples a second.
const FREQUENCY: &str = "997";

/// Loads the server with the scenario that was asked for, and has `perf` look at it meanwhile. The profile stays in the
/// report's folder; what costs most is printed.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    let perf = Command::new("perf").arg("--version").output();
    ensure!(
        perf.is_ok_and(|output| output.status.success()),
        "`perf` is not installed; on Debian it is in the package linux-perf"
    );
    let store = plan.store()?;
    let longrun = plan.start(&store.url())?;
    let scenario = scenarios::scenarios(plan, longrun.address)?
        .into_iter()
        .next()
        .context("no rate has such a name: try `poll tencent-bm` or `submit single`")?;
    load::closed(longrun.address, &scenario.requests, plan.connections, 1.0)?;
    let data = plan.report.folder().join("perf.data");
    let mut recording = Command::new("perf")
        .args(["record", "--quiet", "-g", "-F", FREQUENCY, "-p"])
        .arg(longrun.id().to_string())
        .arg("-o")
        .arg(&data)
        .args(["sleep", &plan.seconds.to_string()])
        .stdout(Stdio::null())
        .spawn()?;
    let rate = load::closed(
        longrun.address,
        &scenario.requests,
        plan.connections,
        plan.seconds,
    )?;
    ensure!(recording.wait()?.success(), "perf could not record");
    tell(&format!("{rate:.0}/s while it was watched"));
    let report = Command::new("perf")
        .args([
            "report",
            "--stdio",
            "--no-children",
            "-g",
            "none",
            "--percent-limit",
            "0.5",
            "-i",
        ])
        .arg(&data)
        .stderr(Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&report.stdout);
    let file = plan.report.folder().join("profile.txt");
    std::fs::write(&file, text.as_bytes())?;
    for line in text.lines().filter(|line| line.contains('%')).take(40) {
        tell(line.trim_end());
    }
    tell(&format!(
        "the whole profile: {}, {}",
        file.display(),
        data.display()
    ));
    Ok(())
}
