//! Every source of credentials, on the way from a user's files to an answer; and what is told when there are none.

use super::stub::Stub;
use super::{Place, Ran};
use crate::program::{KEY_ID, KEY_SECRET, PROJECT};
use crate::python;
use serde_json::json;

async fn wait(place: &Place, stub: &Stub, target: &str, arguments: &[&str]) -> Ran {
    let words = [&["wait", "-v", target, "--endpoint", &stub.url], arguments].concat();
    place.run(&words).await
}

#[tokio::test]
async fn files_of_other_tools() {
    let Some(tencent) = Stub::start("tencent") else {
        return;
    };
    let place = Place::bare();
    let credential = format!(r#"{{"secretId":"{KEY_ID}","secretKey":"{KEY_SECRET}"}}"#);
    place.write(
        ".tccli/default.credential",
        r#"{"secretId":"wrong","secretKey":"wrong"}"#,
    );
    place.write(".tccli/team.credential", &credential);
    place.write(
        ".tccli/team.configure",
        r#"{"_sys_param":{"region":"ap-beijing"}}"#,
    );
    let profile = format!(
        r#"{{"current":"team","profiles":[{{"name":"team","mode":"AK","access_key_id":"{KEY_ID}","access_key_secret":"{KEY_SECRET}","region_id":"cn-hangzhou"}}]}}"#
    );
    place.write(".aliyun/config.json", &profile);
    let ran = wait(&place, &tencent, "tencent-bm:1", &["--profile", "team"])
        .await
        .with_status(0);
    assert!(ran.stderr.contains(".tccli/team.credential"), "{ran:?}");
    wait(&place, &tencent, "tencent-bm:1", &[])
        .await
        .with_status(7);
    let alibaba = Stub::start("alibaba").expect("there was one before");
    let ran = wait(&place, &alibaba, "alibaba-bpstudio:op-good", &[])
        .await
        .with_status(0);
    assert!(
        ran.stderr.contains("profile `team`") && ran.stderr.contains(&alibaba.url),
        "{ran:?}"
    );
}

/// What the SDKs find by themselves in these files, the program finds, and the clouds take it.
#[tokio::test]
async fn files_of_the_sdks() {
    let Some(python) = python::python() else {
        return;
    };
    let huawei = Stub::start("huawei").expect("there is a Python");
    let mut place = Place::bare();
    let [tencent, alibaba] = ["tencent", "alibaba"].map(Stub::start);
    place.write(
        ".tencentcloud/credentials",
        &format!("[default]\nsecret_id = {KEY_ID}\nsecret_key = {KEY_SECRET}\n"),
    );
    place.write(
        ".alibabacloud/credentials.ini",
        &format!(
            "[default]\nenable = true\ntype = access_key\naccess_key_id = {KEY_ID} # ours\n\
             access_key_secret = {KEY_SECRET}\n"
        ),
    );
    place.write(
        ".huaweicloud/credentials",
        &format!("[basic]\nak = {KEY_ID}\nsk = {KEY_SECRET}\nproject_id = {PROJECT}\n"),
    );
    for (stub, target, source) in [
        (&tencent, "tencent-bm:1", ".tencentcloud/credentials"),
        (&alibaba, "alibaba-bpstudio:op-good", "credentials.ini"),
        (
            &Some(huawei),
            "huawei-elb:good",
            "section `basic` of the file",
        ),
    ] {
        let stub = stub.as_ref().expect("there is a Python");
        let ran = wait(&place, stub, target, &[]).await.with_status(0);
        assert!(ran.stderr.contains(source), "{source}: {ran:?}");
    }
    // A token that is asked for with an application credential is for its project.
    let identity = Stub::start("huawei").expect("there is a Python");
    for (name, value) in [
        ("OS_AUTH_URL", &*format!("{}/v3", identity.url)),
        ("OS_AUTH_TYPE", "v3applicationcredential"),
        ("OS_APPLICATION_CREDENTIAL_ID", "a-program"),
        ("OS_APPLICATION_CREDENTIAL_SECRET", KEY_SECRET),
    ] {
        place.set(name, value);
    }
    let saw = python::saw(&mut place.in_its_environment(python::sdk(&python, "credentials.py")));
    let expected = [
        ("tencentcloud", json!([KEY_ID])),
        (
            "alibabacloud",
            json!([KEY_ID, null, "default/profile/static_ak"]),
        ),
        ("huaweicloud", json!([KEY_ID, PROJECT])),
        ("keystoneauth1", json!([PROJECT])),
    ];
    assert_eq!(saw, expected.map(|(client, saw)| (client.to_owned(), saw)));
    let ran = place.run(&["wait", "-v", "huawei-elb:long"]).await;
    let ran = ran.with_status(0);
    assert!(
        ran.stderr.contains("OS_APPLICATION_CREDENTIAL_SECRET"),
        "{ran:?}"
    );
    place.set("OS_APPLICATION_CREDENTIAL_ID", "another");
    place.run(&["wait", "huawei-elb:good"]).await.with_status(7);
}

/// The password becomes a token, the catalog tells where to ask, and a token that was taken back is renewed.
#[tokio::test]
async fn a_password_in_the_environment() {
    let Some(stub) = Stub::start("huawei") else {
        return;
    };
    let mut place = Place::bare();
    for (name, value) in [
        ("OS_AUTH_URL", &*format!("{}/v3", stub.url)),
        ("OS_USERNAME", "someone"),
        ("OS_USER_DOMAIN_NAME", "ours"),
        ("OS_PASSWORD", KEY_SECRET),
        ("OS_PROJECT_NAME", "eu-de"),
        ("OS_REGION_NAME", "eu-de"),
    ] {
        place.set(name, value);
    }
    let ran = place
        .run(&["wait", "-v", "huawei-elb:long"])
        .await
        .with_status(0);
    assert!(ran.stderr.contains("OS_PASSWORD"), "{ran:?}");
    place.set("OS_USERNAME", "somebody else");
    let ran = place.run(&["wait", "huawei-elb:good"]).await.with_status(7);
    assert!(
        ran.stdout.contains("The username or password is wrong."),
        "{ran:?}"
    );
}

#[tokio::test]
async fn a_cloud_in_a_file() {
    let Some(stub) = Stub::start("huawei") else {
        return;
    };
    let place = Place::bare();
    let clouds = format!(
        "clouds:\n  ours:\n    auth:\n      auth_url: {}\n      username: someone\n      user_domain_name: ours\n      project_name: eu-de\n    region_name: eu-de\n",
        stub.url
    );
    let secret = format!("clouds:\n  ours:\n    auth:\n      password: {KEY_SECRET}\n");
    place.write("clouds.yaml", &clouds);
    let ran = place.run(&["wait", "huawei-elb:good"]).await.with_status(2);
    assert!(ran.stderr.contains("has no password"), "{ran:?}");
    place.write("secure.yaml", &secret);
    let ran = place
        .run(&["wait", "-v", "huawei-elb:good"])
        .await
        .with_status(0);
    assert!(ran.stderr.contains("cloud `ours`"), "{ran:?}");
    place
        .run(&["wait", "huawei-elb:good", "--profile", "theirs"])
        .await
        .with_status(2);
}

#[tokio::test]
async fn whoever_has_none_is_told_where_they_were_looked_for() {
    let place = Place::bare();
    for (target, words) in [
        (
            "tencent-bm:1",
            &[
                "TENCENTCLOUD_SECRET_ID",
                "TENCENTCLOUD_SECRET_KEY",
                ".tccli/default.credential",
                ".tencentcloud/credentials",
                "/etc/tencentcloud/credentials",
            ][..],
        ),
        ("tencent-vpc3:1", &["TENCENTCLOUD_SECRET_ID"]),
        (
            "alibaba-bpstudio:op-1",
            &[
                "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
                ".aliyun/config.json",
                ".alibabacloud/credentials.ini",
            ],
        ),
        (
            "huawei-elb:1",
            &[
                "HUAWEICLOUD_SDK_AK",
                "OS_TOKEN",
                "OS_APPLICATION_CREDENTIAL_SECRET",
                "OS_PASSWORD",
                ".huaweicloud/credentials",
                "clouds.yaml",
            ],
        ),
    ] {
        for command in ["wait", "get"] {
            let ran = place.run(&[command, target]).await.with_status(2);
            assert!(
                words.iter().all(|word| ran.stderr.contains(word)),
                "{ran:?}"
            );
            assert_eq!(ran.stdout, "");
        }
    }
}

#[tokio::test]
async fn what_else_is_missing_is_told_before_anything_is_asked() {
    for (changes, target, words) in [
        (
            &[("HUAWEICLOUD_SDK_PROJECT_ID", "")][..],
            "huawei-elb:1",
            "needs a project",
        ),
        (&[], "huawei-ecs:1", "needs a region"),
        (
            &[("HUAWEICLOUD_SDK_SK", "")],
            "huawei-elb:1",
            "HUAWEICLOUD_SDK_SK is not",
        ),
        (
            &[
                ("HUAWEICLOUD_SDK_AK", ""),
                ("HUAWEICLOUD_SDK_SK", ""),
                ("OS_TOKEN", "t"),
                ("OS_PROJECT_ID", PROJECT),
            ],
            "huawei-elb:1",
            "OS_AUTH_URL",
        ),
    ] {
        let mut place = Place::with_keys();
        for (name, value) in changes {
            place.set(name, value);
        }
        let ran = place.run(&["wait", target]).await.with_status(2);
        assert!(ran.stderr.contains(words), "{words}: {ran:?}");
    }
}
