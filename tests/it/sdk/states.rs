//! What each client sees of each state that an operation can be in.

use super::stage::{Place, Side, Stage};
use super::words::{self, Client};
use super::{ask, stage, stage_on_postgres};
use crate::api::Api;
use reqwest::Method;
use serde_json::{Value, json};

/// What is done to an operation to bring it into its state.
enum Step {
    /// A worker takes it.
    Lease,
    /// The worker reports on resources.
    Report(&'static [(&'static str, &'static str)]),
    /// The worker ends it.
    Finish(&'static str),
    /// Somebody asks for it to be cancelled.
    Cancel,
    /// Its deadline passes.
    Expire,
    /// Somebody deletes it.
    Delete,
    /// Its result is kept no longer.
    Forget,
}
use Step::{Cancel, Delete, Expire, Finish, Forget, Lease, Report};

/// A state, how it comes about, and what is seen of it; [`super::words`] says how to read that.
struct State {
    name: &'static str,
    steps: &'static [Step],
    bm: &'static str,
    vpc: &'static str,
    vpc3: &'static str,
    bpstudio: &'static str,
    huawei: &'static str,
}

const fn state(
    name: &'static str,
    steps: &'static [Step],
    [bm, vpc, vpc3, bpstudio, huawei]: [&'static str; 5],
) -> State {
    State {
        name,
        steps,
        bm,
        vpc,
        vpc3,
        bpstudio,
        huawei,
    }
}

/// The states of an operation on `a`, `b` and `c`. Who wants to know why a line is as it is finds it in the table of the
/// statuses, in the README and in the pages about the dialects.
#[rustfmt::skip]
const STATES: [State; 17] = [
    state("queued",           &[],
        ["4: 4 4 4", "2/0",     "RUNNING: RUNNING RUNNING RUNNING", "INIT",                             "INIT: INIT INIT INIT"]),
    state("leased",           &[Lease],
        ["4: 4 4 4", "2/0",     "RUNNING: RUNNING RUNNING RUNNING", "RUNNING",                          "RUNNING: INIT INIT INIT"]),
    state("begun",            &[Lease, Report(&[("b", "running")])],
        ["4: 4 4 4", "2/0",     "RUNNING: RUNNING RUNNING RUNNING", "RUNNING",                          "RUNNING: INIT RUNNING INIT"]),
    state("one succeeded",    &[Lease, Report(&[("a", "succeeded")])],
        ["5: 1 4 4", "2/0",     "RUNNING: SUCCESS RUNNING RUNNING", "RUNNING",                          "RUNNING: SUCCESS INIT INIT"]),
    state("one failed",       &[Lease, Report(&[("a", "failed")])],
        ["6: 2 4 4", "2/29257", "RUNNING: FAILED RUNNING RUNNING",  "RUNNING",                          "RUNNING: FAIL INIT INIT"]),
    state("one of each",      &[Lease, Report(&[("a", "succeeded"), ("b", "failed"), ("c", "running")])],
        ["7: 1 2 4", "2/29257", "RUNNING: SUCCESS FAILED RUNNING",  "RUNNING",                          "RUNNING: SUCCESS FAIL RUNNING"]),
    state("being cancelled",  &[Lease, Report(&[("a", "succeeded")]), Cancel],
        ["5: 1 4 4", "2/0",     "RUNNING: SUCCESS RUNNING RUNNING", "RUNNING",                          "RUNNING: SUCCESS INIT INIT"]),
    state("succeeded",        &[Lease, Report(&[("a", "succeeded"), ("b", "succeeded"), ("c", "succeeded")])],
        ["1: 1 1 1", "0/0",     "SUCCESS: SUCCESS SUCCESS SUCCESS", "SUCCESS: Success Success Success", "SUCCESS: SUCCESS SUCCESS SUCCESS"]),
    state("failed",           &[Lease, Report(&[("a", "failed"), ("b", "failed"), ("c", "failed")])],
        ["2: 2 2 2", "1/29257", "FAILED: FAILED FAILED FAILED",     "FAILURE: Failed Failed Failed",    "FAIL: FAIL FAIL FAIL"]),
    state("partial",          &[Lease, Report(&[("a", "succeeded"), ("b", "failed"), ("c", "succeeded")])],
        ["3: 1 2 1", "1/29257", "FAILED: SUCCESS FAILED SUCCESS",   "FAILURE: Success Failed Success",  "FAIL: SUCCESS FAIL SUCCESS"]),
    state("tolerant",         &[Lease, Report(&[("a", "succeeded"), ("b", "failed"), ("c", "succeeded")])],
        ["3: 1 2 1", "0/0",     "SUCCESS: SUCCESS FAILED SUCCESS",  "SUCCESS: Success Failed Success",  "SUCCESS: SUCCESS FAIL SUCCESS"]),
    state("cancelled",        &[Cancel],
        ["2: 2 2 2", "1/29257", "FAILED: FAILED FAILED FAILED",     "FAILURE: Failed Failed Failed",    "FAIL: FAIL FAIL FAIL"]),
    state("cancelled midway", &[Lease, Report(&[("a", "succeeded")]), Cancel, Finish("cancelled")],
        ["3: 1 2 2", "1/29257", "FAILED: SUCCESS FAILED FAILED",    "FAILURE: Success Failed Failed",   "FAIL: SUCCESS FAIL FAIL"]),
    state("expired",          &[Expire],
        ["2: 2 2 2", "1/29257", "FAILED: FAILED FAILED FAILED",     "FAILURE: Failed Failed Failed",    "FAIL: FAIL FAIL FAIL"]),
    state("expired midway",   &[Lease, Report(&[("a", "succeeded")]), Expire],
        ["3: 1 2 2", "1/29257", "FAILED: SUCCESS FAILED FAILED",    "FAILURE: Success Failed Failed",   "FAIL: SUCCESS FAIL FAIL"]),
    state("deleted",          &[Lease, Report(&[("a", "succeeded"), ("b", "succeeded"), ("c", "succeeded")]), Delete],
        ["5000",     "5000",    "ResourceNotFound",                 "no Data",                          "410 ELB.1002"]),
    state("forgotten",        &[Cancel, Forget],
        ["5000",     "5000",    "ResourceNotFound",                 "no Data",                          "410 ELB.1002"]),
];

/// An operation that never was, and one of another account, which nobody else may learn of.
const UNKNOWN: State = state(
    "unknown",
    &[],
    [
        "5000",
        "5000",
        "ResourceNotFound",
        "no Data",
        "404 ELB.1002",
    ],
);

impl State {
    fn expected(&self, client: Client) -> &'static str {
        match client {
            // The third version has kept the numbers, but has words for refusals.
            Client::TencentBm3 if self.bm == "5000" => "ResourceNotFound",
            Client::TencentBm | Client::TencentBm3 => self.bm,
            Client::TencentVpc => self.vpc,
            Client::TencentVpc3 => self.vpc3,
            Client::TencentVpc3Number => words::whole(self.vpc3),
            Client::BpStudioV3 | Client::BpStudioV1 => self.bpstudio,
            Client::HuaweiEcs => self.huawei,
            Client::KeystoneToken => self.huawei.strip_suffix(" ELB.1002").unwrap_or(self.huawei),
        }
    }

    fn has(&self, wanted: &Step) -> bool {
        let wanted = std::mem::discriminant(wanted);
        self.steps
            .iter()
            .any(|step| std::mem::discriminant(step) == wanted)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_sdk_sees_each_state_in_its_own_words() {
    if let Some(stage) = stage() {
        check_states(stage).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_sdk_sees_the_same_on_postgres() {
    if let Some(stage) = stage_on_postgres().await {
        check_states(stage).await;
    }
}

async fn check_states(mut stage: Stage) {
    let mut failures = Vec::new();
    let mut places = Vec::new();
    for state in &STATES {
        let plain = bring_about(&stage.plain.api, state).await;
        let secure = bring_about(&stage.secure.api, state).await;
        places.push((state, plain, secure));
    }
    places.push((&UNKNOWN, Place::nowhere(), Place::nowhere()));
    let [plain, secure] = [
        strangers(&stage.plain).await,
        strangers(&stage.secure).await,
    ];
    places.push((&UNKNOWN, plain, secure));
    for (state, plain, secure) in &places {
        for client in Client::ALL {
            let is_secure = std::ptr::eq(stage.side(client), &raw const stage.secure);
            let place = if is_secure { secure } else { plain };
            for (seen, exchange) in ask(&mut stage.sdk, client, place, &json!({})) {
                let expected = state.expected(client);
                if seen != expected {
                    let failure = format!("{}: {seen}, not {expected}\n{exchange}", state.name);
                    failures.push(failure);
                }
            }
        }
    }
    failures.extend(asked_for_no_number(&mut stage));
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// What clients that ask by a number are told when they are given something else, as far as they send it.
fn asked_for_no_number(stage: &mut Stage) -> Vec<String> {
    let cases = [
        (Client::TencentBm, "abc", "4000"),
        (Client::TencentVpc, "abc", "4000"),
        (Client::TencentBm3, "abc", "InvalidParameterValue"),
        (Client::TencentBm3, "0", "InvalidParameterValue"),
        (Client::TencentVpc3, "abc", "ResourceNotFound"),
        (Client::TencentVpc3Number, "0", "InvalidParameterValue"),
    ];
    let mut failures = Vec::new();
    for (client, id, expected) in cases {
        let asked = ask(
            &mut stage.sdk,
            client,
            &Place::nowhere(),
            &json!({ "id": id }),
        );
        for (seen, exchange) in asked {
            if seen != expected {
                failures.push(format!("{id}: {seen}, not {expected}\n{exchange}"));
            }
        }
    }
    failures
}

/// Brings a new operation into a state. Each state has a kind of its own, so that no lease takes another's operation.
async fn bring_about(api: &Api, state: &State) -> Place {
    let mut submission =
        json!({ "kind": state.name, "resources": [{ "id": "a" }, { "id": "b" }, { "id": "c" }] });
    if state.has(&Expire) {
        // It must leave time for the steps before, on a busy machine too.
        let deadline_ms = if state.steps.len() > 1 { 3_000 } else { 1 };
        submission["deadline_ms"] = json!(deadline_ms);
    }
    if state.has(&Forget) {
        submission["retention_ms"] = json!(1);
    }
    let operation = api.submit_as(&submission).await;
    let place = Place::of(&operation);
    let mut lease = Value::Null;
    for step in state.steps {
        match step {
            Lease => lease = api.lease(state.name).await,
            Report(results) => drop(api.report(&lease, results, None).await),
            Finish(status) => {
                let finish = json!({ "status": status });
                api.report(&lease, &[], Some(finish)).await;
            }
            Cancel => drop(api.cancel(&place.id).await),
            Expire => {
                let expired = |operation: &Value| operation["status"] == "expired";
                api.get_when(&place.id, expired).await;
            }
            Delete => api.delete(&place.id).await,
            Forget => wait_until_gone(api, &place.id).await,
        }
    }
    place
}

async fn wait_until_gone(api: &Api, id: &str) {
    let path = format!("/api/v1/operations/{id}");
    crate::waiting::eventually("the end of a retention", async || {
        let answer = api.send(Method::GET, &path, None).await;
        let status = answer.expect("the server answers").status();
        (status.as_u16() == 410).then_some(())
    })
    .await;
}

/// An operation of the other account.
async fn strangers(side: &Side) -> Place {
    Place::of(&side.stranger.submit("any", &["a"]).await)
}
