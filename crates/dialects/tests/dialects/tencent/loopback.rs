//! What our client signs our server accepts, and what our server answers our client reads.

use super::wire::{Case, answer, cases};
use super::{NOW, SECRET, SECRET_ID, Sent};
use http::HeaderMap;
use longrun_dialects::{
    Credential, Dialect, Endpoint, Observation, Options, SignError, Signer, Target, Watched, named,
};
use longrun_model::{Mix, ResourceStatus, Timestamp};

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

fn dialects() -> [&'static dyn Dialect; 2] {
    ["tencent-bm", "tencent-vpc"].map(|name| named(name).unwrap())
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
    for dialect in dialects() {
        for nonce in [0, 1, u128::from(u64::MAX), u128::MAX] {
            let polled = dialect
                .poll(
                    &target("297"),
                    &Signer::new(&ENDPOINT, &credential(), NOW, nonce),
                )
                .unwrap();
            let served = received(&polled).served(&Options::default());
            assert_eq!(served, (dialect.name(), Ok(297)), "{nonce}");
        }
    }
}

/// A region and a token that need escapes are signed and arrive.
#[test]
fn polls_with_everything() {
    let target = Target {
        region: Some("华北 +&=%_@".into()),
        ..target(" 1000800001 ")
    };
    let credential = Credential::AccessKey {
        id: "AK ID/+".into(),
        secret: SECRET.into(),
        session_token: Some("@t0k+en/==".into()),
    };
    for dialect in dialects() {
        let polled = dialect
            .poll(&target, &Signer::new(&ENDPOINT, &credential, NOW, 5))
            .unwrap();
        let sent = received(&polled);
        assert_eq!(
            sent.served(&Options::default()),
            (dialect.name(), Ok(1_000_800_001))
        );
        let request = sent.request();
        let claim = dialect.parse(&request, &Options::default()).claim.unwrap();
        assert_eq!(claim.session_token.as_deref(), Some("@t0k+en/=="));
    }
}

/// Made from the recorded request tc-v2-05: the same but for the mark of its client, and signed by an independent tool.
#[test]
fn a_poll_byte_for_byte() {
    let now = Timestamp::from_seconds(1_795_226_474);
    let target = Target {
        region: Some("bj".into()),
        ..target("297")
    };
    let endpoint = Endpoint {
        scheme: "http",
        authority: "127.0.0.1:28471",
    };
    let polled = dialects()[1]
        .poll(&target, &Signer::new(&endpoint, &credential(), now, 42_083))
        .unwrap();
    assert_eq!(
        polled.uri().to_string(),
        "http://127.0.0.1:28471/v2/index.php?Action=DescribeNetTaskResult&taskId=297&Region=bj&SecretId=AKIDEXAMPLE\
         &SignatureMethod=HmacSHA256&Timestamp=1795226474&Nonce=42084\
         &Signature=VqUY%2BXCLAegZoIetoWlzOLO2a%2FeNjoZVQxETpcn%2F5fQ%3D"
    );
    assert_eq!(polled.headers()["host"], "127.0.0.1:28471");
}

#[test]
fn polls_that_cannot_be_written() {
    let token = Credential::Token("t".into());
    for dialect in dialects() {
        let poll = |id, endpoint: &Endpoint, credential: &Credential| {
            dialect
                .poll(&target(id), &Signer::new(endpoint, credential, NOW, 1))
                .unwrap_err()
        };
        for id in ["", "abc", "0", "-1", "op-1", "18446744073709551616"] {
            assert_eq!(
                poll(id, &ENDPOINT, &credential()),
                SignError::Id(id.to_owned())
            );
        }
        assert_eq!(
            poll("1", &ENDPOINT, &token),
            SignError::Credential("an access key")
        );
        for authority in ["", "a b", "a/b", "a?b"] {
            let endpoint = Endpoint {
                scheme: "https",
                authority,
            };
            assert!(
                matches!(poll("1", &endpoint, &credential()), SignError::Request(_)),
                "{authority}"
            );
        }
    }
}

fn read(dialect: &dyn Dialect, case: &Case) -> Observation {
    let reply = answer(dialect, Ok(&case.operation));
    dialect
        .read(reply.status, &HeaderMap::new(), &reply.body)
        .unwrap()
}

#[test]
fn bare_metal_answers_are_read() {
    let [dialect, _] = dialects();
    for case in cases() {
        let observation = read(dialect, &case);
        let expected = match case.bm {
            1 => Watched::Succeeded,
            2 => Watched::Failed,
            3 => Watched::Partial,
            running => Watched::Running(Mix::from_code(running).unwrap()),
        };
        assert_eq!(observation.state, expected, "{}", case.name);
        assert_eq!(observation.message, None, "{}", case.name);
        let resources = case.operation.resources.iter();
        let expected: Vec<_> = resources
            .map(|one| (one.id.as_str(), coarse(one.status)))
            .collect();
        let observed = observation.resources.iter();
        let observed: Vec<_> = observed.map(|one| (one.id.as_str(), one.status)).collect();
        assert_eq!(observed, expected, "{}", case.name);
    }
}

/// What is left of a status on this wire.
fn coarse(status: ResourceStatus) -> ResourceStatus {
    match status {
        ResourceStatus::Pending | ResourceStatus::Running => ResourceStatus::Running,
        ResourceStatus::Succeeded => ResourceStatus::Succeeded,
        ResourceStatus::Failed | ResourceStatus::Cancelled => ResourceStatus::Failed,
    }
}

#[test]
fn vpc_answers_are_read() {
    let [_, dialect] = dialects();
    for case in cases() {
        let observation = read(dialect, &case);
        let expected = match case.vpc {
            0 => Watched::Succeeded,
            1 => Watched::Failed,
            _ => Watched::Running(Mix::UNFINISHED),
        };
        assert_eq!(observation.state, expected, "{}", case.name);
        assert_eq!(observation.error.is_some(), case.vpc == 1, "{}", case.name);
        let output = case
            .operation
            .output
            .filter(|output| case.vpc != 1 && output.as_str() != "null");
        assert_eq!(observation.output, output, "{}", case.name);
        if let Some(error) = observation.error {
            let message = case.operation.error.map(|error| error.message);
            assert_eq!(Some(error.message), message, "{}", case.name);
        }
    }
}
