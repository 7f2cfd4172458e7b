//! What our client signs our server accepts, and what our server answers our client reads.

use super::wire::{BY_NUMBER, BY_REQUEST, answer};
use super::{NOW, SECRET, SECRET_ID, Sent, dialects, number, text};
use crate::tencent::wire::cases;
use http::HeaderMap;
use longrun_dialects::{
    Credential, Dialect, Endpoint, Observation, Options, SignError, Signer, Target, Watched,
};
use longrun_model::{Mix, Operation, ResourceStatus, Timestamp};

const ENDPOINT: Endpoint = Endpoint {
    scheme: "http",
    authority: "127.0.0.1:8080",
};

fn credential() -> Credential<'static> {
    Credential::AccessKey {
        id: SECRET_ID.into(),
        secret: SECRET.into(),
        session_token: None,
    }
}

fn target(id: &str) -> Target<'_> {
    Target {
        id: id.into(),
        ..Target::default()
    }
}

fn received(polled: &http::Request<Vec<u8>>) -> Sent {
    Sent {
        method: polled.method().clone(),
        path: polled.uri().path().to_owned(),
        query: polled.uri().query().unwrap_or_default().to_owned(),
        headers: polled.headers().clone(),
        body: polled.body().clone(),
    }
}

#[test]
fn polls_are_accepted() {
    let [bm, vpc] = dialects();
    let uuid = "481e9b6e-81d1-4859-b8cf-a673e010b388";
    for (dialect, id, action, expected) in [
        (bm, "297", "bm:DescribeOperationResult", number(297)),
        (bm, " 297 ", "bm:DescribeOperationResult", number(297)),
        (vpc, "297", BY_NUMBER, number(297)),
        (
            vpc,
            uuid,
            BY_REQUEST,
            text("481e9b6e81d14859b8cfa673e010b388"),
        ),
        (vpc, "say \"北京\"", BY_REQUEST, text("say \"北京\"")),
    ] {
        for authority in [
            "127.0.0.1:8080",
            "vpc.tencentcloudapi.com",
            "BM.Example:443",
        ] {
            let endpoint = Endpoint {
                authority,
                ..ENDPOINT
            };
            let polled = dialect
                .poll(&target(id), &Signer::new(&endpoint, &credential(), NOW, 5))
                .unwrap();
            let sent = received(&polled);
            let served = sent.served(&Options::default());
            assert_eq!(
                served,
                (dialect.name(), expected.clone()),
                "{id} {authority}"
            );
            let frame = dialect.parse(&sent.request(), &Options::default()).frame;
            assert_eq!(frame.action, action, "{id}");
        }
    }
}

/// A region and a token arrive, and neither is sent when there is none.
#[test]
fn polls_with_everything() {
    let target = Target {
        region: Some("ap-beijing".into()),
        ..target("297")
    };
    let credential = Credential::AccessKey {
        id: "AK/ID+".into(),
        secret: SECRET.into(),
        session_token: Some("t0k+en/==".into()),
    };
    for dialect in dialects() {
        let polled = dialect
            .poll(&target, &Signer::new(&ENDPOINT, &credential, NOW, 5))
            .unwrap();
        let sent = received(&polled);
        assert_eq!(sent.outcome(), number(297));
        let request = sent.request();
        let claim = dialect.parse(&request, &Options::default()).claim.unwrap();
        assert_eq!(claim.session_token.as_deref(), Some("t0k+en/=="));
        assert_eq!(polled.headers()["x-tc-region"], "ap-beijing");
        let bare = dialect.poll(
            &self::target("297"),
            &Signer::new(&ENDPOINT, &self::credential(), NOW, 5),
        );
        let headers = bare.unwrap().headers().clone();
        assert!(!headers.contains_key("x-tc-region") && !headers.contains_key("x-tc-token"));
    }
}

/// The signature was made by an independent tool.
#[test]
fn a_poll_byte_for_byte() {
    let [bm, _] = dialects();
    let endpoint = Endpoint {
        scheme: "https",
        authority: "bm.tencentcloudapi.com",
    };
    let target = Target {
        region: Some("ap-beijing".into()),
        ..target("1000800001")
    };
    let now = Timestamp::from_millis(1_795_226_476_999);
    let polled = bm
        .poll(&target, &Signer::new(&endpoint, &credential(), now, 1))
        .unwrap();
    assert_eq!(polled.method(), "POST");
    assert_eq!(polled.uri().to_string(), "https://bm.tencentcloudapi.com/");
    assert_eq!(polled.body(), br#"{"TaskId":1000800001}"#);
    for (name, value) in [
        ("host", "bm.tencentcloudapi.com"),
        ("content-type", "application/json"),
        ("x-tc-action", "DescribeOperationResult"),
        ("x-tc-version", "2018-04-23"),
        ("x-tc-timestamp", "1795226476"),
        ("x-tc-region", "ap-beijing"),
        (
            "authorization",
            "TC3-HMAC-SHA256 Credential=AKIDEXAMPLE/2026-11-21/bm/tc3_request, \
             SignedHeaders=content-type;host;x-tc-action, Signature=ff16eaf8ca977d27844d36aa47f385189bca1afb64962061fc23f2c4ac79826a",
        ),
    ] {
        assert_eq!(polled.headers()[name], value, "{name}");
    }
}

#[test]
fn polls_that_cannot_be_written() {
    let [bm, vpc] = dialects();
    let fault = |dialect: &dyn Dialect, id, endpoint: &Endpoint, credential: &Credential| {
        dialect
            .poll(&target(id), &Signer::new(endpoint, credential, NOW, 1))
            .unwrap_err()
    };
    for id in ["", "abc", "0", "-1", "op-1", "18446744073709551616"] {
        assert_eq!(
            fault(bm, id, &ENDPOINT, &credential()),
            SignError::Id(id.to_owned())
        );
    }
    let long = "a".repeat(513);
    for id in ["", " ", &long] {
        assert_eq!(
            fault(vpc, id, &ENDPOINT, &credential()),
            SignError::Id(id.to_owned())
        );
    }
    for dialect in dialects() {
        let token = Credential::Token("t".into());
        let refused = fault(dialect, "1", &ENDPOINT, &token);
        assert_eq!(refused, SignError::Credential("an access key"));
        for authority in ["", "a b", "a/b", "a?b"] {
            let endpoint = Endpoint {
                scheme: "https",
                authority,
            };
            let refused = fault(dialect, "1", &endpoint, &credential());
            assert!(matches!(refused, SignError::Request(_)), "{authority}");
        }
        let broken = Credential::AccessKey {
            id: "a\nb".into(),
            secret: SECRET.into(),
            session_token: None,
        };
        assert!(matches!(
            fault(dialect, "1", &ENDPOINT, &broken),
            SignError::Request(_)
        ));
    }
}

fn read(dialect: &dyn Dialect, action: &'static str, operation: &Operation) -> Observation {
    let reply = answer(dialect, action, Ok(operation));
    dialect
        .read(reply.status, &HeaderMap::new(), &reply.body)
        .unwrap()
}

/// What is left of a status on this wire.
fn coarse(status: ResourceStatus) -> ResourceStatus {
    match status {
        ResourceStatus::Pending | ResourceStatus::Running => ResourceStatus::Running,
        ResourceStatus::Succeeded => ResourceStatus::Succeeded,
        ResourceStatus::Failed | ResourceStatus::Cancelled => ResourceStatus::Failed,
    }
}

fn check_resources(name: &str, operation: &Operation, observation: &Observation) {
    let resources = operation.resources.iter();
    let expected: Vec<_> = resources
        .map(|one| (one.id.as_str(), coarse(one.status)))
        .collect();
    let observed = observation.resources.iter();
    let observed: Vec<_> = observed.map(|one| (one.id.as_str(), one.status)).collect();
    assert_eq!(observed, expected, "{name}");
}

#[test]
fn bare_metal_answers_are_read() {
    let [bm, _] = dialects();
    for case in cases() {
        let observation = read(bm, "", &case.operation);
        let expected = match case.bm {
            1 => Watched::Succeeded,
            2 => Watched::Failed,
            3 => Watched::Partial,
            running => Watched::Running(Mix::from_code(running).unwrap()),
        };
        assert_eq!(observation.state, expected, "{}", case.name);
        assert_eq!(observation.message, None, "{}", case.name);
        check_resources(case.name, &case.operation, &observation);
    }
}

#[test]
fn vpc_answers_are_read() {
    let [_, vpc] = dialects();
    for case in cases() {
        let expected = match case.vpc {
            0 => Watched::Succeeded,
            1 => Watched::Failed,
            _ => Watched::Running(Mix::UNFINISHED),
        };
        let by_number = read(vpc, BY_NUMBER, &case.operation);
        assert_eq!(by_number.state, expected, "{}", case.name);

        let observation = read(vpc, BY_REQUEST, &case.operation);
        assert_eq!(observation.state, expected, "{}", case.name);
        check_resources(case.name, &case.operation, &observation);
        assert_eq!(observation.error.is_some(), case.vpc == 1, "{}", case.name);
        let told = case.operation.error.filter(|_| case.vpc == 1);
        let told = told.map(|error| format!("{}: {}", error.code, error.message));
        assert_eq!(observation.message, told, "{}", case.name);
        if told.is_none() {
            assert_eq!(observation.output, case.operation.output, "{}", case.name);
        }
    }
}
