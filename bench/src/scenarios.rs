//! What is measured, and how it is told.

use crate::extras;
use crate::load::{self, Requests};
use crate::process::Served;
use crate::setup;
use anyhow::Context;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How the scenarios are run.
pub(crate) struct Plan {
    pub(crate) program: PathBuf,
    pub(crate) seconds: f64,
    pub(crate) rounds: usize,
    pub(crate) connections: usize,
    pub(crate) only: Option<String>,
}

impl Plan {
    /// Whether the scenario with this name is to be run.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only
            .as_ref()
            .is_none_or(|only| name.contains(only.as_str()))
    }
}

/// One thing to measure: a load on longrun beside a load on the bare server.
struct Scenario {
    name: &'static str,
    /// The least ratio that is good enough.
    least: f64,
    requests: Requests,
    bare: Bare,
}

/// What the bare server is asked.
enum Bare {
    /// The fixed JSON, as long as longrun's answer.
    Get { bytes: usize },
    /// To echo this body.
    Post { body: String },
}

/// Polls that are signed beforehand, for dialects in which each may come once.
const SINGLE_USE_POLLS: u128 = 400_000;
/// Polls for the other dialects.
const POLLS: u128 = 64;

/// Runs every scenario and prints what came out.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let longrun = start_longrun(
        plan,
        &format!("sqlite:{}", folder.path().join("bench.db").display()),
    )?;
    report_idle(plan, &longrun)?;
    let operation = setup::finished_operation(longrun.address)?;
    println_table("scenario", "longrun/s", "bare/s", "ratio", "least");
    for scenario in scenarios(plan, longrun.address, &operation)? {
        measure(plan, longrun.address, &scenario)?;
    }
    extras::run(plan)
}

pub(crate) fn start_longrun(plan: &Plan, store: &str) -> anyhow::Result<Served> {
    let key = format!("{}:{}", setup::KEY_ID, setup::KEY_SECRET);
    let arguments = |address: SocketAddr| {
        [
            "serve",
            "--dev",
            "--listen",
            &address.to_string(),
            "--store",
            store,
        ]
        .map(str::to_owned)
        .to_vec()
    };
    let environment = [
        ("LONGRUN_DEV_KEY", key.as_str()),
        ("LONGRUN_DEV_TOKEN", setup::TOKEN),
        ("LONGRUN_LOG", "warn"),
    ];
    Served::start(&plan.program, arguments, &environment)
}

/// Memory and start-up, before any load.
fn report_idle(plan: &Plan, longrun: &Served) -> anyhow::Result<()> {
    let answer = setup::exchange(
        longrun.address,
        &setup::native(longrun.address, "GET", "/healthz", &Value::Null),
    )?;
    anyhow::ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    std::thread::sleep(Duration::from_millis(300));
    let megabytes = longrun.resident_kilobytes()? / 1024;
    let program_megabytes = std::fs::metadata(&plan.program)?.len() / 1024 / 1024;
    tell(&format!(
        "idle memory           {megabytes} MiB (at most 20)"
    ));
    tell(&format!(
        "start to first answer {} ms (at most 100)",
        longrun.started_in.as_millis()
    ));
    tell(&format!("program               {program_megabytes} MB"));
    Ok(())
}

fn scenarios(plan: &Plan, address: SocketAddr, operation: &Value) -> anyhow::Result<Vec<Scenario>> {
    let wanted = |name: &str| plan.wants(name);
    let mut scenarios = Vec::new();
    for (name, dialect, polls, expect, least) in [
        ("poll tencent-bm", "tencent-bm", POLLS, r#""status":1"#, 0.5),
        (
            "poll tencent-vpc",
            "tencent-vpc",
            POLLS,
            r#""status":0"#,
            0.5,
        ),
        (
            "poll alibaba-bpstudio",
            "alibaba-bpstudio",
            SINGLE_USE_POLLS,
            "SUCCESS",
            0.5,
        ),
        ("poll huawei-elb", "huawei-elb", POLLS, "SUCCESS", 0.5),
    ] {
        if wanted(name) {
            let requests = setup::signed_polls(dialect, address, operation, polls)?;
            scenarios.push(get(name, least, requests, expect, address)?);
        }
    }
    if wanted("get native") {
        let id = operation["id"].as_str().context("an operation has an id")?;
        let request = setup::native(
            address,
            "GET",
            &format!("/api/v1/operations/{id}"),
            &Value::Null,
        );
        scenarios.push(get("get native", 0.6, vec![request], "succeeded", address)?);
    }
    if wanted("submit single") {
        let body = setup::submission("bench");
        let request = setup::native(address, "POST", "/api/v1/operations", &body);
        let requests = Requests::new(vec![request], "queued");
        let bare = Bare::Post {
            body: body.to_string(),
        };
        scenarios.push(Scenario {
            name: "submit single",
            least: 0.3,
            requests,
            bare,
        });
    }
    Ok(scenarios)
}

fn get(
    name: &'static str,
    least: f64,
    requests: Vec<Vec<u8>>,
    expect: &str,
    address: SocketAddr,
) -> anyhow::Result<Scenario> {
    // The last one: the load begins with the first, and each may be good only once.
    let answer = setup::exchange(address, requests.last().context("there are requests")?)?;
    let bytes = answer
        .split_once("\r\n\r\n")
        .map_or(0, |(_, body)| body.len());
    Ok(Scenario {
        name,
        least,
        requests: Requests::new(requests, expect),
        bare: Bare::Get { bytes },
    })
}

/// Loads both servers in turn and prints the medians.
fn measure(plan: &Plan, address: SocketAddr, scenario: &Scenario) -> anyhow::Result<()> {
    let bytes = match &scenario.bare {
        Bare::Get { bytes } => *bytes,
        Bare::Post { .. } => 0,
    };
    let arguments = |address: SocketAddr| {
        [
            "bare",
            "--listen",
            &address.to_string(),
            "--bytes",
            &bytes.to_string(),
        ]
        .map(str::to_owned)
        .to_vec()
    };
    let bare = Served::start(&std::env::current_exe()?, arguments, &[])?;
    let bare_requests = match &scenario.bare {
        Bare::Get { .. } => Requests::new(
            vec![format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", bare.address).into()],
            "x",
        ),
        Bare::Post { body } => Requests::new(vec![post(bare.address, body)], "resources"),
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // One round to warm both up.
    load::closed(
        address,
        &scenario.requests,
        plan.connections,
        plan.seconds / 4.0,
    )?;
    load::closed(
        bare.address,
        &bare_requests,
        plan.connections,
        plan.seconds / 4.0,
    )?;
    for _ in 0..plan.rounds {
        theirs.push(load::closed(
            bare.address,
            &bare_requests,
            plan.connections,
            plan.seconds,
        )?);
        ours.push(load::closed(
            address,
            &scenario.requests,
            plan.connections,
            plan.seconds,
        )?);
    }
    tell_both(scenario, median(ours), median(theirs));
    Ok(())
}

fn tell_both(scenario: &Scenario, ours: f64, theirs: f64) {
    let ratio = ours / theirs;
    println_table(
        scenario.name,
        &format!("{ours:.0}"),
        &format!("{theirs:.0}"),
        &format!("{ratio:.2}"),
        &format!(
            "{:.2}{}",
            scenario.least,
            if ratio < scenario.least {
                " MISSED"
            } else {
                ""
            }
        ),
    );
    tell_json(
        &json!({ "scenario": scenario.name, "longrun": ours, "bare": theirs, "ratio": ratio }),
    );
}

fn post(address: SocketAddr, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST / HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
        .into()
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn println_table(name: &str, ours: &str, bare: &str, ratio: &str, least: &str) {
    tell(&format!(
        "{name:<24}{ours:>12}{bare:>12}{ratio:>8}{least:>14}"
    ));
}

#[expect(
    clippy::print_stdout,
    reason = "the figures are what this program is for"
)]
pub(crate) fn tell(line: &str) {
    println!("{line}");
}

/// The same for programs, on the other stream.
#[expect(
    clippy::print_stderr,
    reason = "the figures are what this program is for"
)]
pub(crate) fn tell_json(figures: &Value) {
    eprintln!("{figures}");
}
