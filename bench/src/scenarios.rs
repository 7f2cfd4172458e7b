//! Rates, beside a bare server that is loaded in turn with the same load.

use crate::limits;
use crate::load::{self, Requests};
use crate::plan::Plan;
use crate::process::Served;
use crate::report::{Figure, Target};
use crate::setup;
use anyhow::Context;
use serde_json::Value;
use std::net::SocketAddr;

/// One thing to measure: a load on longrun beside a load on the bare server.
pub(crate) struct Scenario {
    name: String,
    target: Option<Target>,
    pub(crate) requests: Requests,
    bare: Bare,
    /// Proofs a second, if each request has one.
    proofs: Option<f64>,
}

/// What the bare server is asked.
pub(crate) enum Bare {
    /// The fixed JSON, as long as longrun's answer.
    Get { bytes: usize },
    /// To echo this body.
    Post { body: String },
}

/// Polls that are signed beforehand, for dialects in which each may come once.
const SINGLE_USE_POLLS: u128 = 400_000;
/// Polls for the other dialects.
const POLLS: u128 = 64;
/// Polls for each submission where both come together.
const POLLS_PER_SUBMIT: usize = 19;

/// The dialects, whether each poll may come once, and what the answer to a finished operation contains.
const DIALECTS: [(&str, u128, &str); 6] = [
    ("tencent-bm", POLLS, r#""status":1"#),
    ("tencent-vpc", POLLS, r#""status":0"#),
    ("tencent-bm3", POLLS, r#""TaskStatus":1"#),
    ("tencent-vpc3", POLLS, "SUCCESS"),
    ("alibaba-bpstudio", SINGLE_USE_POLLS, "SUCCESS"),
    ("huawei-elb", POLLS, "SUCCESS"),
];

/// Measures every rate that was asked for.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    let store = plan.store()?;
    let longrun = plan.start(&store.url())?;
    for scenario in scenarios(plan, longrun.address)? {
        measure(plan, longrun.address, &scenario)?;
    }
    Ok(())
}

/// The scenarios whose names were asked for.
pub(crate) fn scenarios(plan: &Plan, address: SocketAddr) -> anyhow::Result<Vec<Scenario>> {
    let operation = setup::finished_operation(address)?;
    let mut scenarios = Vec::new();
    for (dialect, polls, expect) in DIALECTS {
        let name = format!("poll {dialect}");
        if plan.wants(&name) {
            scenarios.push(poll(name, dialect, address, &operation, polls, expect)?);
        }
    }
    if plan.wants("get native") {
        scenarios.push(get_native(address, &operation)?);
    }
    let submission = setup::submission("bench");
    let submit = setup::native(address, "POST", "/api/v1/operations", &submission);
    if plan.wants("mixed polls and submits") {
        let mut requests =
            setup::signed_polls("tencent-bm", address, &operation, POLLS_PER_SUBMIT as u128)?;
        requests.push(submit.clone());
        scenarios.push(Scenario {
            name: "mixed polls and submits, 95 to 5".to_owned(),
            target: None,
            requests: Requests::new(requests, r#""status":"#),
            bare: Bare::Get { bytes: 120 },
            proofs: None,
        });
    }
    if plan.wants("submit single") {
        scenarios.push(Scenario {
            name: "submit single".to_owned(),
            target: Some(Target::Ratio {
                must: 0.40,
                aim: 0.55,
            }),
            requests: Requests::new(vec![submit], "queued"),
            bare: Bare::Post {
                body: submission.to_string(),
            },
            proofs: None,
        });
    }
    Ok(scenarios)
}

fn poll(
    name: String,
    dialect: &str,
    address: SocketAddr,
    operation: &Value,
    count: u128,
    expect: &str,
) -> anyhow::Result<Scenario> {
    let requests = setup::signed_polls(dialect, address, operation, count)?;
    let proofs = limits::proofs(dialect, address)?;
    let target = Some(Target::Ratio {
        must: 0.50,
        aim: 0.70,
    });
    let bytes = answer_bytes(address, &requests)?;
    Ok(Scenario {
        name,
        target,
        requests: Requests::new(requests, expect),
        bare: Bare::Get { bytes },
        proofs: Some(proofs),
    })
}

fn get_native(address: SocketAddr, operation: &Value) -> anyhow::Result<Scenario> {
    let id = operation["id"].as_str().context("an operation has an id")?;
    let path = format!("/api/v1/operations/{id}");
    let requests = vec![setup::native(address, "GET", &path, &Value::Null)];
    let bytes = answer_bytes(address, &requests)?;
    Ok(Scenario {
        name: "get native".to_owned(),
        target: Some(Target::Ratio {
            must: 0.60,
            aim: 0.80,
        }),
        requests: Requests::new(requests, "succeeded"),
        bare: Bare::Get { bytes },
        proofs: None,
    })
}

/// How long the answer's body is.
pub(crate) fn answer_bytes(address: SocketAddr, requests: &[Vec<u8>]) -> anyhow::Result<usize> {
    // The last one: the load begins with the first, and each may be good only once.
    let request = requests.last().context("there are requests")?;
    let answer = setup::exchange(address, request)?;
    let body = answer.split_once("\r\n\r\n");
    Ok(body.map_or(0, |(_, body)| body.len()))
}

/// Loads both servers in turn and tells the medians.
fn measure(plan: &Plan, address: SocketAddr, scenario: &Scenario) -> anyhow::Result<()> {
    let (bare, bare_requests) = start_bare(&scenario.bare)?;
    let load =
        |address, requests, seconds| load::closed(address, requests, plan.connections, seconds);
    // One round to warm both up.
    load(address, &scenario.requests, plan.seconds / 4.0)?;
    load(bare.address, &bare_requests, plan.seconds / 4.0)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        theirs.push(load(bare.address, &bare_requests, plan.seconds)?);
        ours.push(load(address, &scenario.requests, plan.seconds)?);
    }
    let theirs = Figure::median("", theirs, "").value;
    let name = match scenario.bare {
        Bare::Get { .. } => "bare GET",
        Bare::Post { .. } => "bare POST echo",
    };
    let mut figure = Figure::median(&scenario.name, ours, "1/s").of(name, theirs);
    if let Some(proofs) = scenario.proofs {
        figure = figure.of("the proof alone", proofs);
    }
    figure.target = scenario.target;
    plan.report.add(figure)
}

/// A bare server, and what it is asked.
pub(crate) fn start_bare(bare: &Bare) -> anyhow::Result<(Served, Requests)> {
    let bytes = match bare {
        Bare::Get { bytes } => *bytes,
        Bare::Post { .. } => 0,
    };
    let arguments = |address: SocketAddr| {
        let (address, bytes) = (address.to_string(), bytes.to_string());
        let arguments = ["bare", "--listen", &address, "--bytes", &bytes];
        arguments.map(str::to_owned).to_vec()
    };
    let served = Served::start(&std::env::current_exe()?, arguments, &[])?;
    let address = served.address;
    let requests = match bare {
        Bare::Get { .. } => {
            let request = format!("GET / HTTP/1.1\r\nhost: {address}\r\n\r\n");
            Requests::new(vec![request.into()], "x")
        }
        Bare::Post { body } => Requests::new(vec![post(address, body)], "resources"),
    };
    Ok((served, requests))
}

/// A request to echo `body`.
pub(crate) fn post(address: SocketAddr, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST / HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
        .into()
}
