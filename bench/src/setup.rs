//! What the scenarios need to find on the server: a finished operation, and requests that ask for it.

use anyhow::{Context, ensure};
use longrun_dialects::{Credential, Endpoint, Signer, Target, named};
use longrun_engine::Clock;
use longrun_model::Timestamp;
use longrun_server::SystemClock;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

pub(crate) const KEY_ID: &str = "AKIDLONGRUNBENCH0001";
pub(crate) const KEY_SECRET: &str = "SecretOfTheBenchmarks0000000000000001";
pub(crate) const TOKEN: &str = "TokenOfTheBenchmarks00000000000000001";
pub(crate) const MASTER_KEY: &str =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
pub(crate) const PROJECT: &str = "0123456789abcdef0123456789abcdef";

/// The resources of every operation here.
pub(crate) const RESOURCES: [&str; 4] = [
    "cpm-3dw23401",
    "cpm-3dw23402",
    "cpm-3dw23403",
    "cpm-3dw23404",
];

/// Submits an operation with four resources and carries it out.
pub(crate) fn finished_operation(address: SocketAddr) -> anyhow::Result<Value> {
    let operation = call(address, "POST", "/api/v1/operations", &submission("poll"))?;
    let lease = call(
        address,
        "POST",
        "/api/v1/leases",
        &json!({ "kinds": ["poll"] }),
    )?;
    let results: Vec<_> = RESOURCES
        .iter()
        .map(|id| json!({ "id": id, "status": "succeeded" }))
        .collect();
    let report = json!({ "id": operation["id"], "fence": lease["leases"][0]["fence"], "resources": results });
    let reported = call(
        address,
        "POST",
        "/api/v1/leases:report",
        &json!({ "reports": [report] }),
    )?;
    ensure!(
        reported["reports"][0]["status"] == json!("succeeded"),
        "{reported}"
    );
    let id = operation["id"].as_str().context("an operation has an id")?;
    call(
        address,
        "GET",
        &format!("/api/v1/operations/{id}"),
        &Value::Null,
    )
}

/// A submission with four resources.
pub(crate) fn submission(kind: &str) -> Value {
    let resources: Vec<_> = RESOURCES.iter().map(|id| json!({ "id": id })).collect();
    json!({ "kind": kind, "resources": resources })
}

/// A call of the native API, as the bytes of its request.
pub(crate) fn native(address: SocketAddr, method: &str, path: &str, body: &Value) -> Vec<u8> {
    let text = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    native_text(address, method, path, &text)
}

/// The same with a body that is written already; none if it is empty.
pub(crate) fn native_text(address: SocketAddr, method: &str, path: &str, body: &str) -> Vec<u8> {
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {TOKEN}\r\n");
    if body.is_empty() {
        return (head + "\r\n").into_bytes();
    }
    let length = body.len();
    format!("{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// The same request with one more header.
pub(crate) fn with_header(request: Vec<u8>, header: &str) -> Vec<u8> {
    let text = String::from_utf8(request).expect("requests are written as text");
    text.replacen("\r\n", &format!("\r\n{header}\r\n"), 1)
        .into_bytes()
}

/// A counter of the server's own.
pub(crate) fn figure(address: SocketAddr, name: &str) -> anyhow::Result<f64> {
    let text = exchange(address, &native_text(address, "GET", "/metrics", ""))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(line.context("the server counts that")?.trim().parse()?)
}

/// Makes a call of the native API and reads the answer.
pub(crate) fn call(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: &Value,
) -> anyhow::Result<Value> {
    let answer = exchange(address, &native(address, method, path, body))?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("an answer has a head")?;
    ensure!(head.starts_with("HTTP/1.1 2"), "{path}: {answer}");
    Ok(serde_json::from_str(body)?)
}

/// Sends one request and reads the whole answer.
pub(crate) fn exchange(address: SocketAddr, request: &[u8]) -> anyhow::Result<String> {
    let text = String::from_utf8_lossy(request).replacen("\r\n", "\r\nconnection: close\r\n", 1);
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(text.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Signed polls of an operation in this dialect, each with a nonce of its own, as they stand on the wire.
pub(crate) fn signed_polls(
    dialect: &str,
    address: SocketAddr,
    operation: &Value,
    count: u128,
) -> anyhow::Result<Vec<Vec<u8>>> {
    let id = match dialect {
        "alibaba-bpstudio" => &operation["id"],
        "huawei-elb" => &operation["job_id"],
        _ => &operation["task_id"],
    };
    let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    (1..=count)
        .map(|nonce| Ok(bytes(&signed_poll(dialect, address, &id, nonce)?)))
        .collect()
}

/// A signed poll of the operation with this id.
pub(crate) fn signed_poll(
    dialect: &str,
    address: SocketAddr,
    id: &str,
    nonce: u128,
) -> anyhow::Result<http::Request<Vec<u8>>> {
    let target = Target {
        id: id.into(),
        project: Some(PROJECT.into()),
        ..Target::default()
    };
    let endpoint = Endpoint {
        scheme: "http",
        authority: &address.to_string(),
    };
    let credential = Credential::AccessKey {
        id: KEY_ID.into(),
        secret: KEY_SECRET.into(),
        session_token: None,
    };
    let dialect = named(dialect).context("a dialect has this name")?;
    let now: Timestamp = SystemClock.now();
    Ok(dialect.poll(&target, &Signer::new(&endpoint, &credential, now, nonce))?)
}

/// A request as it stands on the wire.
pub(crate) fn bytes(request: &http::Request<Vec<u8>>) -> Vec<u8> {
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let host = request.uri().authority().map_or("", |it| it.as_str());
    let length = request.body().len().to_string();
    let mut head = format!("{} {target} HTTP/1.1\r\n", request.method());
    let mut line = |name: &str, value: &str| head.extend([name, ": ", value, "\r\n"]);
    for (name, value) in request.headers() {
        if name != "content-length" {
            line(name.as_str(), &String::from_utf8_lossy(value.as_bytes()));
        }
    }
    if !request.headers().contains_key("host") {
        line("host", host);
    }
    if !request.body().is_empty() {
        line("content-length", &length);
    }
    [head.as_bytes(), b"\r\n", request.body()].concat()
}
