//! Unmodified SDKs of Tencent's API 3.0 that submit and then poll: by TC3 and by both older signatures.

use super::words::{self, Client};
use super::{TENCENT3_WAYS, stage};
use serde_json::{Value, json};

/// A password, as it must not be found anywhere afterwards.
const SECRET: &str = "5ec4e7-passwd";

/// What each action of bare metal is asked with, and the kind that comes of it.
fn bare_metal() -> Vec<(&'static str, Value, &'static str)> {
    let two = || json!({ "InstanceIds": ["cpm-1", "cpm-2"] });
    let reload = json!({ "InstanceId": "cpm-1", "Password": SECRET, "OsTypeId": 1, "RaidId": 2 });
    let lan = json!({
        "InstanceId": "cpm-1", "VpcId": "vpc-1", "SubnetId": "subnet-1", "LanIp": "10.0.0.1", "RebootDevice": 1,
    });
    let passwd = json!({ "InstanceIds": ["cpm-1", "cpm-2"], "Password": SECRET });
    let ticket = json!({ "TaskId": "task-1", "Operate": "AuthorizeRepair" });
    vec![
        ("RebootDevices", two(), "RebootDevice"),
        ("StartDevices", two(), "StartDevice"),
        ("ShutdownDevices", two(), "ShutdownDevice"),
        ("OfflineDevices", two(), "OfflineDevice"),
        ("ReturnDevices", two(), "ReturnDevices"),
        ("RecoverDevices", two(), "RecoverDevices"),
        ("ResetDevicePassword", passwd, "ResetDevicePasswd"),
        ("ReloadDeviceOs", reload, "ReloadDeviceOs"),
        ("ModifyLanIp", lan, "ModifyLanIp"),
        (
            "DeleteCustomImages",
            json!({ "ImageIds": ["img-1"] }),
            "DeleteCustomImages",
        ),
        ("RepairTaskControl", ticket, "RepairTaskControl"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bare_metal_is_submitted_and_polled_in_api_3() {
    let Some(mut stage) = stage() else {
        return;
    };
    let deeds = bare_metal();
    // Every action once, and the first of them in every way that the SDK has.
    let first = TENCENT3_WAYS.iter().map(|way| (&deeds[0], way));
    let others = deeds[1..].iter().zip(TENCENT3_WAYS.iter().cycle());
    for ((action, parameters, kind), (method, sign, _)) in first.chain(others) {
        let call = json!({
            "client": "tencentcloud-bm", "action": action, "parameters": parameters,
            "method": method, "sign": sign,
        });
        let answer = stage.sdk.poll(&call);
        let task_id = answer["answer"]["TaskId"].as_u64();
        let task_id = task_id.unwrap_or_else(|| panic!("{call}\n{answer}"));
        let lease = stage.plain.api.lease(&format!("tencent-bm.{kind}")).await;
        assert_eq!(lease["operation"]["task_id"], task_id, "{call}");
        assert!(!lease.to_string().contains(SECRET), "{lease}");
        let named = lease["operation"]["resources"]
            .as_array()
            .expect("it is a list");
        let ids: Vec<_> = named.iter().filter_map(|it| it["id"].as_str()).collect();
        let poll = json!({ "client": "tencentcloud-bm", "id": task_id });
        let told = words::told(Client::TencentBm3, &stage.sdk.poll(&poll));
        assert_eq!(words::whole(&told), "4", "{call}");
        let results: Vec<_> = ids.iter().map(|id| (*id, "succeeded")).collect();
        stage.plain.api.report(&lease, &results, None).await;
        let told = words::told(Client::TencentBm3, &stage.sdk.poll(&poll));
        assert_eq!(words::whole(&told), "1", "{call}");
    }
}

/// The id of the request that submitted is what is asked by.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vpc_is_polled_by_the_id_of_the_request_that_submitted() {
    let Some(mut stage) = stage() else {
        return;
    };
    let mut call = |action: &str, parameters: &Value, (method, sign): (&str, &str)| {
        let call = json!({
            "client": "tencentcloud-vpc", "action": action, "parameters": parameters,
            "method": method, "sign": sign,
        });
        let answer = stage.sdk.poll(&call);
        assert_eq!(answer["ok"], true, "{call}\n{answer}");
        answer["answer"].clone()
    };
    let tc3 = ("POST", "TC3-HMAC-SHA256");
    let web = json!({ "ServiceTemplateName": "web", "Services": ["tcp:80"] });
    let made = call("CreateServiceTemplate", &web, tc3);
    let id = made["ServiceTemplate"]["ServiceTemplateId"].as_str();
    let id = id.expect("there is an id").to_owned();
    for (method, sign, _) in TENCENT3_WAYS {
        let port = json!([format!("tcp:{}", 1000 + method.len() + sign.len())]);
        let change = json!({ "ServiceTemplateId": id, "Services": port });
        let answer = call("ModifyServiceTemplateAttribute", &change, (method, sign));
        let request_id = &answer["RequestId"];
        let task = json!({ "TaskId": request_id });
        let told = call("DescribeVpcTaskResult", &task, tc3);
        assert_eq!(told["Status"], "RUNNING", "{told}");
        let lease = stage.plain.api.lease("tencent-vpc.ModifyService").await;
        stage
            .plain
            .api
            .report(&lease, &[(&id, "succeeded")], None)
            .await;
        let told = call("DescribeVpcTaskResult", &task, tc3);
        assert_eq!(told["Status"], "SUCCESS", "{told}");
        let filter = json!([{ "Name": "service-template-id", "Values": [id] }]);
        let listed = call(
            "DescribeServiceTemplates",
            &json!({ "Filters": filter }),
            tc3,
        );
        assert_eq!(listed["TotalCount"], 1, "{listed}");
        assert_eq!(
            listed["ServiceTemplateSet"][0]["ServiceSet"], port,
            "{listed}"
        );
    }
    // A query finds what refers to the template: nothing does.
    let query = json!({ "ServiceTemplateId": id });
    let answer = call("DescribeServiceTemplateInstances", &query, tc3);
    let lease = stage
        .plain
        .api
        .lease("tencent-vpc.DescribeServiceInstances")
        .await;
    let finish = json!({ "status": "succeeded" });
    stage.plain.api.report(&lease, &[], Some(finish)).await;
    let told = call(
        "DescribeVpcTaskResult",
        &json!({ "TaskId": answer["RequestId"] }),
        tc3,
    );
    assert_eq!(told["Output"], r#"{"total":0,"detail":[]}"#, "{told}");
    // What is done to elastic IPs has a number, as a text.
    let answer = call("ReleaseAddresses", &json!({ "AddressIds": ["eip-1"] }), tc3);
    let number: u64 = answer["TaskId"]
        .as_str()
        .and_then(|it| it.parse().ok())
        .expect("it is a number");
    let told = call("DescribeTaskResult", &json!({ "TaskId": number }), tc3);
    assert_eq!(told["Result"], "RUNNING", "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_submission_is_an_exception_of_the_sdk() {
    let Some(mut stage) = stage() else {
        return;
    };
    for (client, action, parameters, expected) in [
        ("bm", "RebootDevices", json!({}), "MissingParameter"),
        (
            "bm",
            "RebootDevices",
            json!({ "InstanceIds": "cpm-1" }),
            "InvalidParameter",
        ),
        (
            "bm",
            "RebootDevices",
            json!({ "InstanceIds": ["cpm-1", "cpm-1"] }),
            "InvalidParameterValue",
        ),
        (
            "vpc",
            "DeleteServiceTemplate",
            json!({ "ServiceTemplateId": "ppm-none" }),
            "ResourceNotFound",
        ),
        (
            "vpc",
            "DeleteServiceTemplate",
            json!({ "ServiceTemplateId": "x" }),
            "InvalidParameterValue",
        ),
        (
            "vpc",
            "CreateServiceTemplate",
            json!({ "ServiceTemplateName": "x", "Services": (1..30).map(|n| format!("tcp:{n}")).collect::<Vec<_>>() }),
            "LimitExceeded",
        ),
    ] {
        let call = json!({
            "client": format!("tencentcloud-{client}"), "action": action, "parameters": parameters,
        });
        let answer = stage.sdk.poll(&call);
        assert_eq!(answer["error"]["code"], expected, "{call}\n{answer}");
    }
}
