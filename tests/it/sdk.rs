//! Unmodified vendors' SDKs against the real program: each sees each state an operation can be in, in its own cloud's
//! words, and each is refused as its own cloud would refuse it.
//!
//! What an SDK saw is told in one short line (see [`words`]), so that the tables below read like the one of the design.

pub(crate) mod certificates;
mod driver;
mod emulated;
mod keys;
mod stage;
mod states;
mod submits;
mod submits3;
mod tccli;
mod templates;
mod through;
mod words;

use crate::postgres::Database;
use crate::python;
use driver::Sdk;
use serde_json::{Value, json};
use stage::{Place, Stage, Stores};
use words::Client;

/// The ways in which the SDK of Tencent's API 2.0 can ask: method, signature, and how it is led here.
const TENCENT_WAYS: [(&str, &str, &str); 8] = [
    ("GET", "HmacSHA1", "endpoint"),
    ("GET", "HmacSHA256", "endpoint"),
    ("POST", "HmacSHA1", "endpoint"),
    ("POST", "HmacSHA256", "endpoint"),
    ("GET", "HmacSHA1", "tunnel"),
    ("GET", "HmacSHA256", "tunnel"),
    ("POST", "HmacSHA1", "tunnel"),
    ("POST", "HmacSHA256", "tunnel"),
];

/// The same for the SDK of API 3.0, which needs no leading.
const TENCENT3_WAYS: [(&str, &str, &str); 6] = [
    ("POST", "TC3-HMAC-SHA256", "endpoint"),
    ("POST", "HmacSHA1", "endpoint"),
    ("POST", "HmacSHA256", "endpoint"),
    ("GET", "TC3-HMAC-SHA256", "endpoint"),
    ("GET", "HmacSHA1", "endpoint"),
    ("GET", "HmacSHA256", "endpoint"),
];

/// The stage, unless there is no Python to put on it.
fn stage() -> Option<Stage> {
    Some(Stage::set_up(&python::python()?, Stores::files()))
}

/// The same with stores in PostgreSQL, unless there is none.
async fn stage_on_postgres() -> Option<Stage> {
    let python = python::python()?;
    let databases = [Database::new().await?, Database::new().await?];
    Some(Stage::set_up(&python, Stores::Databases(databases)))
}

/// Asks about an operation in every way that a client has, and hands back what it saw, once for each way.
fn ask(sdk: &mut Sdk, client: Client, place: &Place, more: &Value) -> Vec<(String, String)> {
    let ways: &[_] = match client {
        Client::TencentBm | Client::TencentVpc => &TENCENT_WAYS,
        Client::TencentBm3 | Client::TencentVpc3 | Client::TencentVpc3Number => &TENCENT3_WAYS,
        Client::BpStudioV3 | Client::BpStudioV1 | Client::HuaweiEcs | Client::KeystoneToken => {
            &[("", "", "")]
        }
    };
    ways.iter()
        .map(|(method, sign, route)| {
            let mut poll = json!({ "client": client.name(), "id": client.id(place) });
            let fields = poll.as_object_mut().expect("it is an object");
            if !method.is_empty() {
                let way = json!({ "method": method, "sign": sign, "route": route });
                fields.extend(way.as_object().expect("it is an object").clone());
            }
            fields.extend(more.as_object().expect("it is an object").clone());
            let answer = sdk.poll(&poll);
            (words::told(client, &answer), format!("{poll}\n{answer}"))
        })
        .collect()
}
