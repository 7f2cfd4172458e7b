//! Each cloud as it can be: its good and bad ends, and everything that must not be taken for one.

use super::stub::Stub;
use super::{Place, Ran, text};
use serde_json::json;

/// The part that a stub plays, the exit status of the wait for it, and words that its end is told with.
type Row = (&'static str, i32, &'static str);

/// Waits for all parts at once, and compares how each wait ended.
async fn check(
    cloud: &str,
    dialect: &str,
    rows: &[Row],
    arguments: &[&str],
    worst: i32,
) -> Option<Ran> {
    let stub = Stub::start(cloud)?;
    let targets: Vec<String> = rows
        .iter()
        .map(|(id, _, _)| format!("{dialect}:{id}"))
        .collect();
    let mut words = vec!["wait", "--json", "--endpoint", &stub.url];
    words.extend(arguments);
    words.extend(targets.iter().map(String::as_str));
    let ran = Place::with_keys().run(&words).await;
    let ends = ran.ends();
    for (target, (_, exit, words)) in targets.iter().zip(rows) {
        let story = ran.story(target);
        let end = ends
            .get(target)
            .unwrap_or_else(|| panic!("{target} did not end: {ran:?}"));
        assert_eq!(end["exit"], *exit, "{target}: {end}\n{story:#?}");
        let said = format!("{} {} {}", end["outcome"], end["words"], end["output"]);
        assert!(said.contains(words), "{target}: {end}\n{story:#?}");
    }
    Some(ran.with_status(worst))
}

/// A clock that is an hour behind is told, and by how much.
fn check_clock(ran: &Ran, target: &str) {
    let troubles = format!("{:?}", ran.story(target));
    assert!(troubles.contains("ahead of this machine's"), "{troubles}");
    let is_an_hour = troubles.contains("59m") || troubles.contains("1h");
    assert!(is_an_hour, "{troubles}");
}

/// What went over the screen of a target, without troubles.
fn statuses(ran: &Ran, target: &str) -> Vec<String> {
    let story = ran.story(target).into_iter();
    story
        .filter(|(event, _)| event != "trouble")
        .map(|(_, status)| status)
        .collect()
}

#[tokio::test]
async fn tencent_bare_metal() {
    let rows = [
        ("1", 0, "succeeded"),
        ("2", 3, "partial"),
        ("3", 0, "succeeded"),
        ("4", 1, "failed"),
        ("5", 6, "5000: no such task"),
        ("6", 6, "(10001)"),
        ("7", 7, "4102: not yours"),
        ("8", 0, "succeeded"),
        ("9", 0, "succeeded"),
        ("10", 5, "last seen: running, 2 unfinished"),
        (
            "11",
            8,
            "https://login.example/; redirects are not followed",
        ),
        ("12", 8, "titled “Not here”"),
        ("13", 0, "succeeded"),
    ];
    let Some(ran) = check("tencent", "tencent-bm", &rows, &["--timeout", "15s"], 1).await else {
        return;
    };
    assert_eq!(
        statuses(&ran, "tencent-bm:1"),
        ["running", "running", "succeeded"]
    );
    check_clock(&ran, "tencent-bm:8");
    // Keys, ids and statuses are cleaned of the damage; what is no end is not told as one.
    let ends = ran.ends();
    let resources = &ends["tencent-bm:2"]["resources"];
    let expected = json!([
        { "id": "cpm-1", "status": "succeeded" },
        { "id": "cpm-2", "status": "failed" },
        { "id": "cpm-3", "status": "succeeded" },
    ]);
    assert_eq!(resources, &expected);
    assert!(!statuses(&ran, "tencent-bm:3").contains(&"failed".to_owned()));
    let told = statuses(&ran, "tencent-bm:9");
    assert_eq!(told[..2], ["unclear", "unclear"], "{told:?}");
}

#[tokio::test]
async fn tencent_private_network() {
    let rows = [
        ("1", 0, "succeeded"),
        ("2", 1, "29258: the referenced resource is missing"),
        ("3", 0, "sg-1"),
        ("4", 6, "(29258)gone"),
        ("5", 7, "29254: not allowed"),
        ("6", 0, "succeeded"),
    ];
    let Some(ran) = check("tencent", "tencent-vpc", &rows, &[], 1).await else {
        return;
    };
    check_clock(&ran, "tencent-vpc:6");
}

#[tokio::test]
async fn tencent_bare_metal_in_the_third_version() {
    let rows = [
        ("1", 0, "succeeded"),
        ("2", 3, "partial"),
        ("3", 0, "succeeded"),
        ("4", 1, "failed"),
        ("5", 6, "ResourceNotFound"),
        ("6", 7, "AuthFailure.UnauthorizedOperation"),
        ("7", 0, "succeeded"),
        ("8", 8, "InvalidAction"),
        (
            "9",
            8,
            "UnsupportedRegion: ap-beijing is not a region of this API",
        ),
    ];
    let region = ["--region", "ap-beijing"];
    let Some(ran) = check("tencent3", "tencent-bm3", &rows, &region, 1).await else {
        return;
    };
    check_clock(&ran, "tencent-bm3:7");
}

#[tokio::test]
async fn tencent_private_network_in_the_third_version() {
    let rows = [
        ("481e9b6e-81d1-4859-b8cf-000000000001", 0, "succeeded"),
        (
            "481e9b6e-81d1-4859-b8cf-000000000002",
            1,
            "the address is in use",
        ),
        ("481e9b6e-81d1-4859-b8cf-000000000003", 0, "succeeded"),
        ("481e9b6e-81d1-4859-b8cf-000000000004", 0, "succeeded"),
        ("42", 0, "succeeded"),
        ("43", 6, "ResourceNotFound"),
    ];
    let Some(ran) = check("tencent3", "tencent-vpc3", &rows, &[], 1).await else {
        return;
    };
    check_clock(&ran, &format!("tencent-vpc3:{}", rows[3].0));
}

/// Nobody has looked for a task in a region that there is not: that says nothing about the task, not even that it is
/// unknown.
#[tokio::test]
async fn a_wrong_region_is_an_error_of_the_question() {
    let region = ["--region", "nowhere"];
    for (cloud, dialect, id, words) in [
        (
            "tencent",
            "tencent-bm",
            "1",
            "4000: (10001)The value of Region",
        ),
        ("tencent", "tencent-vpc", "1", "4000: The value of Region"),
        (
            "tencent3",
            "tencent-bm3",
            "1",
            "InvalidParameterValue: A value specified in `X-TC-Region`",
        ),
        (
            "tencent3",
            "tencent-vpc3",
            "42",
            "InvalidParameterValue: A value specified in `X-TC-Region`",
        ),
    ] {
        let rows = [(id, 8, words)];
        let Some(ran) = check(cloud, dialect, &rows, &region, 8).await else {
            return;
        };
        let said = &ran.ends()[&format!("{dialect}:{id}")]["words"];
        let said = said.as_str().expect("it is a text");
        assert!(said.starts_with("asking again is of no use"), "{said}");
    }
}

#[tokio::test]
async fn alibaba() {
    let rows = [
        ("op-good", 0, "10.0.0.1"),
        ("op-texts", 0, "succeeded"),
        ("op-four", 0, "succeeded"),
        ("op-gone", 6, "no longer kept"),
        ("op-null", 6, "no longer kept"),
        ("op-trouble", 0, "succeeded"),
        ("op-partial", 3, "partial"),
        (
            "op-failed",
            1,
            "Quota.Exceeded: no more instances in this zone",
        ),
        ("op-quoted", 1, "requestId"),
        ("op-object", 0, "10.0.0.1"),
        ("op-denied", 7, "NoPermission: You are not authorized."),
        ("op-business", 6, "8004"),
        ("op-late", 0, "succeeded"),
        (
            "op-elsewhere",
            8,
            "InvalidRegionId: The specified region is not one of this service.",
        ),
        ("op/path _with*signs", 0, "succeeded"),
    ];
    let arguments = ["--resource-group", "rg-ours"];
    let Some(ran) = check("alibaba", "alibaba-bpstudio", &rows, &arguments, 1).await else {
        return;
    };
    check_clock(&ran, "alibaba-bpstudio:op-late");
    let told = statuses(&ran, "alibaba-bpstudio:op-four");
    assert_eq!(told, ["unclear", "unclear", "succeeded"]);
    let error = &ran.ends()["alibaba-bpstudio:op-partial"]["resources"][1]["error"];
    assert_eq!(error["code"], "Disk.Full", "{error}");
}

#[tokio::test]
async fn huawei_load_balancers() {
    let rows = [
        ("good", 0, "elb-1"),
        ("bare", 0, "succeeded"),
        ("odd", 0, "succeeded"),
        (
            "failed",
            1,
            "ELB.1009: CreateIPTask-fail:no address is free",
        ),
        ("trouble", 0, "succeeded"),
        ("unknown", 6, "no such job"),
        ("denied", 7, "APIGW.0302"),
        ("nothere", 8, "APIGW.0101"),
        ("moved", 8, "redirects are not followed"),
        ("late", 0, "succeeded"),
    ];
    let Some(ran) = check("huawei", "huawei-elb", &rows, &[], 1).await else {
        return;
    };
    check_clock(&ran, "huawei-elb:late");
    let told = format!("{:?}", ran.story("huawei-elb:trouble"));
    assert!(told.contains("titled “Gateway Timeout”"), "{told}");
}

#[tokio::test]
async fn huawei_servers_and_volumes() {
    let Some(ran) = check(
        "huawei",
        "huawei-ecs",
        &[("batch", 3, "one failed")],
        &[],
        3,
    )
    .await
    else {
        return;
    };
    let resources = ran.ends()["huawei-ecs:batch"]["resources"].clone();
    let ids: Vec<_> = resources
        .as_array()
        .expect("it is a list")
        .iter()
        .map(|it| text(&it["id"]))
        .collect();
    assert_eq!(
        &ids[..],
        ["server-1", "server-2", "server-3", "j-2", "j-3"]
            .get(..ids.len())
            .unwrap_or_default()
    );
    assert_eq!(resources[1]["error"]["code"], "Ecs.0319");
    check("huawei", "huawei-evs", &[("volume", 0, "vol-1")], &[], 0).await;
}

/// Whatever else the tests above see, they see it only because this is refused.
#[tokio::test]
async fn a_wrong_secret_is_refused_by_every_stub() {
    for (cloud, target) in [
        ("tencent", "tencent-bm:1"),
        ("tencent", "tencent-vpc:1"),
        ("tencent3", "tencent-bm3:1"),
        ("tencent3", "tencent-vpc3:42"),
        ("alibaba", "alibaba-bpstudio:op-good"),
        ("huawei", "huawei-elb:good"),
        ("huawei", "huawei-ecs:batch"),
    ] {
        let Some(stub) = Stub::start(cloud) else {
            return;
        };
        let mut place = Place::with_keys();
        for name in [
            "TENCENTCLOUD_SECRET_KEY",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
            "HUAWEICLOUD_SDK_SK",
        ] {
            place.set(name, "another secret");
        }
        for command in ["wait", "get"] {
            let ran = place
                .run(&[command, "--endpoint", &stub.url, target])
                .await
                .with_status(7);
            assert!(!ran.stderr.contains("another secret"), "{ran:?}");
        }
    }
}

#[tokio::test]
async fn asking_once() {
    let Some(stub) = Stub::start("huawei") else {
        return;
    };
    let place = Place::with_keys();
    for (target, status, stdout, stderr) in [
        ("huawei-elb:failed", 0, "running", ""),
        ("huawei-elb:failed", 0, "ELB.1009: CreateIPTask-fail", ""),
        ("huawei-elb:unknown", 6, "", "no such job"),
        ("huawei-elb:denied", 7, "", "APIGW.0302"),
        ("huawei-elb:trouble", 8, "", "429"),
        ("huawei-elb:late", 0, "succeeded", "ahead of this machine's"),
        ("huawei-ecs:batch", 0, "queued", ""),
    ] {
        let ran = place
            .run(&["get", target, "--endpoint", &stub.url])
            .await
            .with_status(status);
        assert!(
            ran.stdout.contains(stdout) && ran.stderr.contains(stderr),
            "{ran:?}"
        );
    }
    let ran = place
        .run(&["get", "huawei-ecs:batch", "--endpoint", &stub.url, "--json"])
        .await;
    let shown = &ran.with_status(0).lines()[0];
    assert_eq!(shown["target"], "huawei-ecs:batch");
    assert_eq!(shown["resources"][0]["id"], "server-1", "{shown}");
}
