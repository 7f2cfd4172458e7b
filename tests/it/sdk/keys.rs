//! Who may ask: wrong secrets, keys that are unknown or switched off, other accounts, other projects, policies.

use super::stage::{ELSEWHERE, Place, Side, Stage};
use super::words::{self, Client};
use super::{ask, stage, stage_on_postgres};
use crate::program::PROJECT;
use reqwest::Method;
use serde_json::{Value, json};

/// A policy that lets a caller ask for results in one resource group, and in one cloud's words.
const ONLY_GROUP_1: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow",
    "Action":"bpstudio:GetExecuteOperationResult","Resource":"*",
    "Condition":{"StringEquals":{"acs:ResourceGroupId":"rg-1"}}}]}"#;

/// What each client is told: bm, vpc, bm and vpc in API 3.0, BPStudio, the Huawei SDK, Keystone's session.
type Told = [&'static str; 7];

#[rustfmt::skip]
const SUCCEEDED: Told = [
    "1: 1", "0/0", "1: 1", "SUCCESS: SUCCESS",
    "SUCCESS: Success", "SUCCESS", "SUCCESS",
];
#[rustfmt::skip]
const WRONG_SECRET: Told = [
    "4100", "4100", "AuthFailure.SignatureFailure", "AuthFailure.SignatureFailure",
    "SignatureDoesNotMatch", "401 APIGW.0301", "SUCCESS",
];
#[rustfmt::skip]
const UNKNOWN_KEY: Told = [
    "4104", "4104", "AuthFailure.SecretIdNotFound", "AuthFailure.SecretIdNotFound",
    "InvalidAccessKeyId.NotFound", "401 APIGW.0301", "401",
];
#[rustfmt::skip]
const DISABLED_KEY: Told = [
    "4100", "4100", "AuthFailure.SecretIdNotFound", "AuthFailure.SecretIdNotFound",
    "InvalidAccessKeyId.Inactive", "401 APIGW.0301", "401",
];
#[rustfmt::skip]
const UNKNOWN: Told = [
    "5000", "5000", "ResourceNotFound", "ResourceNotFound",
    "no Data", "404 ELB.1002", "404",
];
#[rustfmt::skip]
const OTHER_PROJECT: Told = [
    "5000", "5000", "ResourceNotFound", "ResourceNotFound",
    "no Data", "403 APIGW.0302", "403",
];
#[rustfmt::skip]
const ONLY_BPSTUDIO: Told = [
    "4101", "4101", "AuthFailure.UnauthorizedOperation", "AuthFailure.UnauthorizedOperation",
    "SUCCESS: Success", "403 APIGW.0302", "403",
];
#[rustfmt::skip]
const FORBIDDEN: Told = [
    "4101", "4101", "AuthFailure.UnauthorizedOperation", "AuthFailure.UnauthorizedOperation",
    "NoPermission", "403 APIGW.0302", "403",
];

/// What one of them is told.
fn told(client: Client, told: Told) -> &'static str {
    let [bm, vpc, bm3, vpc3, bpstudio, huawei, keystone] = told;
    match client {
        Client::TencentBm => bm,
        Client::TencentVpc => vpc,
        Client::TencentBm3 => bm3,
        Client::TencentVpc3 => vpc3,
        Client::TencentVpc3Number => words::whole(vpc3),
        Client::BpStudioV3 | Client::BpStudioV1 => bpstudio,
        Client::HuaweiEcs => huawei,
        Client::KeystoneToken => keystone,
    }
}

/// What went otherwise than it should, and the stage on which it did.
struct Check {
    stage: Stage,
    failures: Vec<String>,
}

impl Check {
    /// Has every client ask with the credentials of its side, and compares what they are told.
    fn all(&mut self, case: &str, who: &Both, place: &Both<Place>, expected: Told) {
        for client in Client::ALL {
            self.one(case, client, who, place, told(client, expected));
        }
    }

    fn one(&mut self, case: &str, client: Client, who: &Both, place: &Both<Place>, expected: &str) {
        let (who, place) = match client {
            Client::TencentBm | Client::TencentVpc => (&who.secure, &place.secure),
            Client::TencentBm3
            | Client::TencentVpc3
            | Client::TencentVpc3Number
            | Client::BpStudioV3
            | Client::BpStudioV1
            | Client::HuaweiEcs
            | Client::KeystoneToken => (&who.plain, &place.plain),
        };
        for (seen, exchange) in ask(&mut self.stage.sdk, client, place, who) {
            if seen != expected {
                let failure = format!("{case}: {seen}, not {expected}\n{exchange}");
                self.failures.push(failure);
            }
        }
    }
}

/// The same thing on both servers.
struct Both<T = Value> {
    plain: T,
    secure: T,
}

impl Both {
    fn same(value: &Value) -> Self {
        Self {
            plain: value.clone(),
            secure: value.clone(),
        }
    }
}

impl Stage {
    /// Submits an operation on both servers and carries it out.
    async fn carried_out(&self, submission: &Value) -> Both<Place> {
        Both {
            plain: carry_out(&self.plain, submission).await,
            secure: carry_out(&self.secure, submission).await,
        }
    }

    /// Makes a key on both servers, and hands back what a poll says to use it.
    async fn key(&self, wish: &Value) -> Both {
        Both {
            plain: key(&self.plain, wish).await,
            secure: key(&self.secure, wish).await,
        }
    }

    /// A key that was there from the beginning.
    fn known(&self, of: impl Fn(&Side) -> &Value) -> Both {
        Both {
            plain: of(&self.plain).clone(),
            secure: of(&self.secure).clone(),
        }
    }

    /// Does something with a key on both servers.
    async fn manage(&self, method: Method, who: &Both, what: &str) {
        for (side, who) in [(&self.plain, &who.plain), (&self.secure, &who.secure)] {
            let id = who["key_id"].as_str().expect("an id is a text");
            let path = format!("/api/v1/keys/{id}{what}");
            side.api.call(method.clone(), &path, None).await;
        }
    }
}

async fn carry_out(side: &Side, submission: &Value) -> Place {
    let operation = side.api.submit_as(submission).await;
    let lease = side.api.lease("keys").await;
    side.api.report(&lease, &[("a", "succeeded")], None).await;
    Place::of(&operation)
}

async fn key(side: &Side, wish: &Value) -> Value {
    let key = side.api.add_key(wish).await;
    json!({ "key_id": key["id"], "secret": key["secret"], "token": key["token"] })
}

fn submission(more: &Value) -> Value {
    let mut submission = json!({ "kind": "keys", "resources": [{ "id": "a" }] });
    let fields = submission.as_object_mut().expect("it is an object");
    fields.extend(more.as_object().expect("it is an object").clone());
    submission
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_sdk_is_refused_as_its_own_cloud_would_refuse_it() {
    if let Some(stage) = stage() {
        check_refusals(stage).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_sdk_is_refused_on_postgres_too() {
    if let Some(stage) = stage_on_postgres().await {
        check_refusals(stage).await;
    }
}

async fn check_refusals(stage: Stage) {
    let mut check = Check {
        stage,
        failures: Vec::new(),
    };
    check_credentials(&mut check).await;
    check_projects(&mut check).await;
    check_policies(&mut check).await;
    assert!(check.failures.is_empty(), "{}", check.failures.join("\n\n"));
}

/// Secrets, and keys over their life.
async fn check_credentials(check: &mut Check) {
    let done = check.stage.carried_out(&submission(&json!({}))).await;
    let own = Both::same(&json!({}));
    check.all("our own key", &own, &done, SUCCEEDED);
    let who = Both::same(&json!({ "secret": "not the secret" }));
    check.all("a wrong secret", &who, &done, WRONG_SECRET);
    let who = Both::same(&json!({ "key_id": "AKIDNOBODY", "token": "nobody's" }));
    check.all("an unknown key", &who, &done, UNKNOWN_KEY);
    let who = check.stage.key(&json!({ "projects": [PROJECT] })).await;
    check.all("a new key", &who, &done, SUCCEEDED);
    check.stage.manage(Method::POST, &who, ":disable").await;
    check.all("a disabled key", &who, &done, DISABLED_KEY);
    check.stage.manage(Method::POST, &who, ":enable").await;
    check.all("an enabled key", &who, &done, SUCCEEDED);
    check.stage.manage(Method::DELETE, &who, "").await;
    check.all("a removed key", &who, &done, UNKNOWN_KEY);
}

/// Projects: Huawei's paths name one, and an operation may belong to one.
async fn check_projects(check: &mut Check) {
    let here = submission(&json!({ "project": PROJECT }));
    let here = check.stage.carried_out(&here).await;
    let own = Both::same(&json!({}));
    check.all("our own project", &own, &here, SUCCEEDED);
    let who = check.stage.known(|side| &side.elsewhere);
    check.all("a key of another project", &who, &here, OTHER_PROJECT);
    let mut who = check.stage.known(|side| &side.everywhere);
    check.all("a key of both projects", &who, &here, SUCCEEDED);
    for who in [&mut who.plain, &mut who.secure] {
        who["project"] = json!(ELSEWHERE);
    }
    for client in [Client::HuaweiEcs, Client::KeystoneToken] {
        let expected = told(client, UNKNOWN);
        check.one("in the other project", client, &who, &here, expected);
    }
}

/// A policy that allows BPStudio's action in one resource group, and nothing else.
async fn check_policies(check: &mut Check) {
    let policy: Value = serde_json::from_str(ONLY_GROUP_1).expect("it is JSON");
    let wish = json!({ "projects": [PROJECT], "policy": policy });
    let who = check.stage.key(&wish).await;
    let group = |name: &str| submission(&json!({ "resource_group": name }));
    let group_1 = check.stage.carried_out(&group("rg-1")).await;
    let group_2 = check.stage.carried_out(&group("rg-2")).await;
    check.all("in the group", &who, &group_1, ONLY_BPSTUDIO);
    check.all("in another group", &who, &group_2, FORBIDDEN);
    for (case, place, named, expected) in [
        ("the group, named", &group_1, "rg-1", "SUCCESS: Success"),
        ("the wrong group named", &group_1, "rg-2", "NoPermission"),
        (
            "another group, as the allowed one",
            &group_2,
            "rg-1",
            "NoPermission",
        ),
        ("another group, named", &group_2, "rg-2", "NoPermission"),
    ] {
        let mut who = who.plain.clone();
        who["resource_group_id"] = json!(named);
        let who = Both::same(&who);
        for client in [Client::BpStudioV3, Client::BpStudioV1] {
            check.one(case, client, &who, place, expected);
        }
    }
}
