//! Who serves what: the path `/` is shared with another cloud and with browsers.

use super::{BM, BY_NUMBER, BY_REQUEST, HOST, Outcome, Sent, number, older, with_common};
use http::Method;
use longrun_dialects::{Dialect, Fault, Options, find};

fn served(sent: &Sent) -> Option<&'static str> {
    find(&sent.request(), &Options::default()).map(Dialect::name)
}

const BM_HOST: &str = "bm.tencentcloudapi.com";
const VPC_HOST: &str = "vpc.tencentcloudapi.com";
const REGIONAL_HOST: &str = "vpc.ap-beijing.tencentcloudapi.com";

/// By action, or else by host unless another version is named; what nobody knows goes to bare metal.
#[test]
fn actions_versions_and_hosts() {
    const OTHER: (&str, &str) = (BY_NUMBER.0, "AllocateAddresses");
    const OLD: &str = "2019-01-01";
    let unknown = |name: &str| Some(Fault::UnknownAction(name.to_owned()));
    let version = |name: &str| Some(Fault::UnknownVersion(name.to_owned()));
    for (host, asked, dialect, fault) in [
        (HOST, BM, "tencent-bm3", None),
        (HOST, BY_REQUEST, "tencent-vpc3", None),
        (HOST, BY_NUMBER, "tencent-vpc3", None),
        (BM_HOST, BY_NUMBER, "tencent-vpc3", None),
        (VPC_HOST, BM, "tencent-bm3", None),
        (VPC_HOST, OTHER, "tencent-vpc3", unknown(OTHER.1)),
        (REGIONAL_HOST, OTHER, "tencent-vpc3", unknown(OTHER.1)),
        (
            "http://VPC.local:80",
            OTHER,
            "tencent-vpc3",
            unknown(OTHER.1),
        ),
        (HOST, OTHER, "tencent-bm3", unknown(OTHER.1)),
        (HOST, (BM.0, "Reboot"), "tencent-bm3", unknown("Reboot")),
        ("vpc.local", (OLD, "X"), "tencent-bm3", unknown("X")),
        (HOST, (OLD, BM.1), "tencent-bm3", version(OLD)),
        (HOST, (OTHER.0, BM.1), "tencent-bm3", version(OTHER.0)),
        (HOST, (BM.0, BY_NUMBER.1), "tencent-vpc3", version(BM.0)),
        (HOST, (BM.0, "describe"), "tencent-bm3", unknown("describe")),
    ] {
        let expected = fault.map_or(number(7), Err);
        check_route(host, asked, dialect, &expected);
    }
}

/// Both signatures lead to the same dialect and the same outcome.
fn check_route(host: &str, asked: (&str, &str), dialect: &'static str, expected: &Outcome) {
    let sent = Sent::json(asked, r#"{"TaskId":7}"#);
    let sent = sent.with_header("host", host).signed();
    let (found, outcome) = sent.served(&Options::default());
    assert_eq!((found, &outcome), (dialect, expected), "{host} {asked:?}");
    let older = older(Method::GET, &with_common(asked, &[("TaskId", "7")]));
    assert_eq!(
        served(&older.clone().with_header("host", host)),
        Some(dialect)
    );
    if host == HOST {
        assert_eq!(&older.outcome(), expected, "{asked:?}");
    }
}

/// A frame names the action that a policy is asked about; that of a refusal is the product's first.
#[test]
fn frames() {
    for (asked, expected) in [
        (BM, "bm:DescribeOperationResult"),
        ((BM.0, "RebootDevices"), "bm:RebootDevices"),
        (BY_REQUEST, "vpc:DescribeVpcTaskResult"),
        (BY_NUMBER, "vpc:DescribeTaskResult"),
    ] {
        for sent in [
            Sent::json(asked, "{}"),
            Sent::get(asked, ""),
            older(Method::GET, &with_common(asked, &[])),
            older(Method::POST, &with_common(asked, &[])),
        ] {
            let request = sent.request();
            let call = find(&request, &Options::default())
                .unwrap()
                .parse(&request, &Options::default());
            assert_eq!((&*call.frame.action, call.frame.host), (expected, HOST));
        }
    }
}

/// Whatever has one mark of this API is refused in its words, and nothing else is claimed.
#[test]
fn marks() {
    let plain = |query: &str| Sent::new(Method::GET, query, b"");
    for (sent, expected) in [
        (
            plain("").with_header("x-tc-action", "X"),
            Some("tencent-bm3"),
        ),
        (
            plain("").with_header("authorization", "TC3-HMAC-SM3 x"),
            Some("tencent-bm3"),
        ),
        (plain("Version=2018-04-23"), Some("tencent-bm3")),
        (plain("Version=2017-03-12"), Some("tencent-bm3")),
        (
            plain("Action=DescribeTaskResult&Version=2017-03-12"),
            Some("tencent-vpc3"),
        ),
        (plain("SecretId=AKID"), Some("tencent-bm3")),
        (
            plain("Nonce=1&Timestamp=1&Signature=x"),
            Some("tencent-bm3"),
        ),
        (
            plain("Nonce=1&Timestamp=1&SignatureMethod=HmacSHA1"),
            Some("tencent-bm3"),
        ),
        (
            plain("").with_header("host", "cvm.TencentCloudAPI.com:443"),
            Some("tencent-bm3"),
        ),
        (
            plain("").with_header("host", "vpc.tencentcloudapi.com"),
            Some("tencent-vpc3"),
        ),
        (
            plain("").with_header("host", "tencentcloudapi.com.example"),
            None,
        ),
        (plain(""), None),
        (plain("").with_header("accept", "text/html"), None),
        (plain("Nonce=1&Timestamp=1"), None),
        (
            plain("Action=X&AccessKeyId=A&SignatureNonce=1&Timestamp=1&Signature=x"),
            Some("alibaba-bpstudio"),
        ),
        (
            plain("Action=GetExecuteOperationResult&Version=2021-09-31"),
            Some("alibaba-bpstudio"),
        ),
        (
            plain("SecretId=1").with_header("x-acs-action", "GetExecuteOperationResult"),
            Some("alibaba-bpstudio"),
        ),
        (
            plain("").with_header("authorization", "ACS3-HMAC-SHA256 x"),
            Some("alibaba-bpstudio"),
        ),
    ] {
        assert_eq!(served(&sent), expected, "{sent:?}");
    }
    let mut elsewhere = Sent::json(BM, "{}");
    elsewhere.path = "/x".to_owned();
    assert_eq!(served(&elsewhere), None);
    elsewhere.path = "/v2/index.php".to_owned();
    assert_eq!(served(&elsewhere), Some("tencent-vpc"));
}
