//! Unmodified SDKs that submit in their own cloud's words, and then poll what they have made. What nobody carries out
//! waits for a worker: here the tests are the worker.

use super::stage::Side;
use super::words::{self, Client};
use super::{TENCENT_WAYS, stage};
use serde_json::{Value, json};

/// What one API says to a deed: the action, what it is asked with, and the kind of operation that comes of it.
struct Deed {
    action: &'static str,
    parameters: Value,
    kind: &'static str,
    /// What the operation works on.
    resources: &'static [&'static str],
}

fn deed(
    action: &'static str,
    kind: &'static str,
    resources: &'static [&'static str],
    parameters: Value,
) -> Deed {
    Deed {
        action,
        parameters,
        kind,
        resources,
    }
}

/// The actions of bare metal in API 2.0, each as some page or SDK writes its lists.
fn bare_metal() -> Vec<Deed> {
    const MACHINES: &[&str] = &["cpm-3dw234", "cpm-sdf343x"];
    let zero = json!({ "instanceIds.0": MACHINES[0], "instanceIds.1": MACHINES[1] });
    let one = json!({ "instanceIds.1": MACHINES[0], "instanceIds.2": MACHINES[1], "opUin": 1 });
    let passwd =
        json!({ "instanceIds.0": MACHINES[0], "instanceIds.1": MACHINES[1], "passwd": SECRET });
    let reload = json!({
        "instanceId": MACHINES[0], "passwd": SECRET, "osTypeId": 1, "raidId": 2, "agentIds.0": "a",
    });
    vec![
        deed("RebootDevice", "tencent-bm.RebootDevice", MACHINES, one),
        deed(
            "StartDevice",
            "tencent-bm.StartDevice",
            MACHINES,
            zero.clone(),
        ),
        deed("OfflineDevice", "tencent-bm.OfflineDevice", MACHINES, zero),
        deed(
            "ResetDevicePasswd",
            "tencent-bm.ResetDevicePasswd",
            MACHINES,
            passwd,
        ),
        deed(
            "ReloadDeviceOs",
            "tencent-bm.ReloadDeviceOs",
            &MACHINES[..1],
            reload,
        ),
    ]
}

/// A password, as it must not be found anywhere afterwards.
const SECRET: &str = "5ec4e7-passwd";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bare_metal_is_submitted_and_polled_in_api_2() {
    let Some(mut stage) = stage() else {
        return;
    };
    let deeds = bare_metal();
    // Every action once, and the first of them in every way that the SDK has.
    let first = TENCENT_WAYS.iter().map(|way| (&deeds[0], way));
    let others = deeds[1..].iter().zip(&TENCENT_WAYS);
    for (deed, (method, sign, route)) in first.chain(others) {
        let call = json!({
            "client": "qcloudapi-bm", "action": deed.action, "parameters": deed.parameters,
            "method": method, "sign": sign, "route": route,
        });
        let answer = stage.sdk.poll(&call);
        let data = &answer["answer"]["data"];
        let task_id = data["taskId"]
            .as_u64()
            .unwrap_or_else(|| panic!("{call}\n{answer}"));
        let poll = json!({ "client": "qcloudapi-bm", "id": task_id.to_string() });
        let told = words::told(Client::TencentBm, &stage.sdk.poll(&poll));
        let all = "4 ".repeat(deed.resources.len());
        assert_eq!(told, format!("4: {}", all.trim_end()), "{call}");
        carry_out(&stage.secure, deed, task_id).await;
        let told = words::told(Client::TencentBm, &stage.sdk.poll(&poll));
        let expected = match deed.resources {
            [_] => "1: 1",
            _ => "3: 2 1",
        };
        assert_eq!(told, expected, "{call}");
    }
    let log = stage.secure.program.log();
    assert!(!log.contains(SECRET), "a password is in the log");
}

/// One that its page answers with nothing is an operation all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machines_are_shut_down_without_a_task_id() {
    let Some(mut stage) = stage() else {
        return;
    };
    let call = json!({
        "client": "qcloudapi-bm", "action": "ShutdownDevice", "method": "POST",
        // Its page is the one that writes the number after an underscore.
        "parameters": { "instanceIds_0": "cpm-3dw234", "instanceIds_1": "cpm-sdf343x" },
    });
    let answer = stage.sdk.poll(&call);
    let expected = json!({ "code": 0, "message": "", "codeDesc": "Success", "data": null });
    assert_eq!(answer["answer"], expected);
    let lease = stage.secure.api.lease("tencent-bm.ShutdownDevice").await;
    assert_eq!(ids(&lease["operation"]), ["cpm-3dw234", "cpm-sdf343x"]);
}

/// Does the work of an operation: the first of several resources fails.
async fn carry_out(side: &Side, deed: &Deed, task_id: u64) {
    let lease = side.api.lease(deed.kind).await;
    let operation = &lease["operation"];
    assert_eq!(operation["task_id"], task_id, "{}", deed.action);
    assert_eq!(ids(operation), deed.resources, "{}", deed.action);
    assert!(!lease.to_string().contains(SECRET), "{lease}");
    let mut results: Vec<(&str, &str)> =
        deed.resources.iter().map(|id| (*id, "succeeded")).collect();
    if results.len() > 1 {
        results[0].1 = "failed";
    }
    side.api.report(&lease, &results, None).await;
}

fn ids(operation: &Value) -> Vec<&str> {
    let resources = operation["resources"].as_array().into_iter().flatten();
    resources
        .map(|resource| resource["id"].as_str().expect("an id is a text"))
        .collect()
}
