//! What an SDK saw, in one short line.
//!
//! | client | an operation | a refusal |
//! | --- | --- | --- |
//! | Tencent bm | `7: 1 2 4`: the whole, then each machine | `4100` |
//! | Tencent vpc | `2/29257`: the status, then the code of the output so far | `4100` |
//! | Tencent bm, API 3.0 | the same as bm | `ResourceNotFound` |
//! | Tencent vpc, API 3.0 | `FAILED: SUCCESS FAILED`: the whole, then each resource; by its number only the whole | the same |
//! | BPStudio | `FAILURE: Success Failed`: the whole, then what `Arguments` tell | `SignatureDoesNotMatch`, `no Data` |
//! | Huawei | `FAIL: SUCCESS FAIL`: the job, then its sub-jobs | `404 ELB.1002` |
//! | Keystone | the same | `404`: its session looks no further |

use super::stage::Place;
use serde_json::Value;

/// A client of the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    TencentBm,
    TencentVpc,
    TencentBm3,
    /// By a request id.
    TencentVpc3,
    /// By a number, which is another action.
    TencentVpc3Number,
    BpStudioV3,
    BpStudioV1,
    HuaweiEcs,
    KeystoneToken,
}

impl Client {
    pub(super) const ALL: [Self; 9] = [
        Self::TencentBm,
        Self::TencentVpc,
        Self::TencentBm3,
        Self::TencentVpc3,
        Self::TencentVpc3Number,
        Self::BpStudioV3,
        Self::BpStudioV1,
        Self::HuaweiEcs,
        Self::KeystoneToken,
    ];

    /// What the driver calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::TencentBm => "qcloudapi-bm",
            Self::TencentVpc => "qcloudapi-vpc",
            Self::TencentBm3 => "tencentcloud-bm",
            // The driver tells by the id which of the two actions is meant.
            Self::TencentVpc3 | Self::TencentVpc3Number => "tencentcloud-vpc",
            Self::BpStudioV3 => "bpstudio-v3",
            Self::BpStudioV1 => "bpstudio-v1",
            Self::HuaweiEcs => "huawei-ecs",
            Self::KeystoneToken => "keystone-token",
        }
    }

    /// The id by which it knows an operation.
    pub(super) fn id(self, place: &Place) -> String {
        match self {
            Self::TencentBm | Self::TencentVpc | Self::TencentBm3 | Self::TencentVpc3Number => {
                place.task_id.to_string()
            }
            Self::TencentVpc3 => uuid(&place.job_id),
            Self::BpStudioV3 | Self::BpStudioV1 => place.id.clone(),
            Self::HuaweiEcs | Self::KeystoneToken => place.job_id.clone(),
        }
    }
}

/// Digits in the groups of a UUID, as the cloud writes the ids of requests.
fn uuid(digits: &str) -> String {
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32];
    groups.map(|group| &digits[group]).join("-")
}

/// What the client saw; see the module.
pub(super) fn told(client: Client, answer: &Value) -> String {
    let (seen, error) = (&answer["answer"], &answer["error"]);
    match (client, answer["ok"] == true) {
        (Client::TencentBm, true) => tencent(seen, machines),
        (Client::TencentVpc, true) => tencent(seen, |data| {
            format!("{}/{}", data["status"], data["output"]["code"])
        }),
        (Client::TencentBm3, true) => line(
            seen["TaskStatus"].to_string(),
            each(&seen["SubtaskStatusSet"]).map(|one| one["TaskStatus"].to_string()),
        ),
        (Client::TencentVpc3, true) => line(
            word(&seen["Status"]),
            each(&seen["Result"]).map(|one| word(&one["Status"])),
        ),
        (Client::TencentVpc3Number, true) => word(&seen["Result"]),
        (Client::BpStudioV3 | Client::BpStudioV1, true) => bpstudio(&seen["body"]),
        (Client::HuaweiEcs | Client::KeystoneToken, true) => job(seen),
        (
            Client::TencentBm3
            | Client::TencentVpc3
            | Client::TencentVpc3Number
            | Client::BpStudioV3
            | Client::BpStudioV1,
            false,
        ) => word(&error["code"]),
        (Client::HuaweiEcs, false) => format!("{} {}", error["status"], word(&error["code"])),
        (Client::KeystoneToken, false) => error["status"].to_string(),
        (Client::TencentBm | Client::TencentVpc, false) => error.to_string(),
    }
}

/// The part of such a line that tells of the whole.
pub(super) fn whole(line: &str) -> &str {
    line.split_once(": ").map_or(line, |(whole, _)| whole)
}

/// The SDK judges nothing: a refusal is an answer with another code than 0.
fn tencent(body: &Value, of_data: impl Fn(&Value) -> String) -> String {
    if body["code"] == 0 {
        of_data(&body["data"])
    } else {
        body["code"].to_string()
    }
}

fn machines(data: &Value) -> String {
    line(
        data["status"].to_string(),
        each(&data["instanceIds"]).map(|one| one["status"].to_string()),
    )
}

fn bpstudio(body: &Value) -> String {
    let data = &body["Data"];
    if data.is_null() {
        return "no Data".to_owned();
    }
    let arguments: Value =
        serde_json::from_str(data["Arguments"].as_str().unwrap_or_default()).unwrap_or_default();
    let instances = arguments["attributes"]["instances"].as_object();
    line(
        word(&data["Status"]),
        instances
            .into_iter()
            .flatten()
            .map(|(_, one)| word(&one["status"])),
    )
}

fn job(job: &Value) -> String {
    line(
        word(&job["status"]),
        each(&job["entities"]["sub_jobs"]).map(|one| word(&one["status"])),
    )
}

/// What a list holds; nothing if it is none.
fn each(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn line(whole: String, parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<_> = parts.collect();
    if parts.is_empty() {
        whole
    } else {
        format!("{whole}: {}", parts.join(" "))
    }
}

fn word(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
