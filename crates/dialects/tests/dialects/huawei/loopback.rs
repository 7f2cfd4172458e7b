//! What our client signs our server accepts, and what it answers our client reads.

use super::golden::{faults, states};
use super::{ENDPOINT, JOB, KEY, PROJECT, SECRET, answer, key, target};
use crate::support::SUBMITTED;
use http::HeaderMap;
use longrun_dialects::huawei_elb::HuaweiElb;
use longrun_dialects::{
    Call, Credential, Dialect, Endpoint, Identity, Observation, OperationRef, Options, Reply,
    Request, SignError, Signer, Target, Wish,
};
use longrun_model::Operation;
use std::borrow::Cow;

fn served(poll: &http::Request<Vec<u8>>) -> Request<'_> {
    Request {
        method: poll.method(),
        path: poll.uri().path(),
        query: poll.uri().query().unwrap_or_default(),
        headers: poll.headers(),
        body: poll.body(),
    }
}

fn observed(operation: &Operation) -> Observation {
    let reply = answer(Ok(operation));
    HuaweiElb
        .read(reply.status, &HeaderMap::new(), &reply.body)
        .unwrap()
}

#[test]
fn what_we_sign_we_accept() {
    let session_token = Some(Cow::Borrowed("MIITEMPORARY"));
    let temporary = Credential::AccessKey {
        id: Cow::Borrowed(KEY),
        secret: Cow::Borrowed(SECRET),
        session_token,
    };
    for (credential, token) in [(key(SECRET), None), (temporary, Some("MIITEMPORARY"))] {
        let poll = HuaweiElb
            .poll(
                &target(JOB),
                &Signer::new(&ENDPOINT, &credential, SUBMITTED, 1),
            )
            .unwrap();
        let Call { frame, claim, wish } = HuaweiElb.parse(&served(&poll), &Options::default());
        assert_eq!(
            (&*frame.action, frame.host),
            ("elb:jobs:get", ENDPOINT.authority)
        );
        let claim = claim.unwrap();
        assert_eq!(claim.identity, Identity::AccessKey(Cow::Borrowed(KEY)));
        assert_eq!(claim.project.as_deref(), Some(PROJECT));
        assert_eq!(claim.session_token.as_deref(), token);
        let proof = claim.proof.unwrap();
        assert_eq!(proof.nonce, None);
        assert_eq!(
            HuaweiElb.verify(&proof, SECRET.as_bytes(), SUBMITTED.plus_millis(890_000)),
            Ok(())
        );
        assert!(HuaweiElb.verify(&proof, b"another", SUBMITTED).is_err());
        let operation = OperationRef::Text(Cow::Borrowed(JOB));
        assert_eq!(
            wish,
            Ok(Wish::Poll {
                operation,
                resource_group: None
            })
        );
    }
    let token = Credential::Token(Cow::Borrowed("MIITOKEN"));
    let poll = HuaweiElb
        .poll(&target(JOB), &Signer::new(&ENDPOINT, &token, SUBMITTED, 1))
        .unwrap();
    let claim = HuaweiElb
        .parse(&served(&poll), &Options::default())
        .claim
        .unwrap();
    assert_eq!(claim.identity, Identity::Token(Cow::Borrowed("MIITOKEN")));
    assert!(claim.proof.is_none());
}

#[test]
fn what_we_answer_we_read() {
    for (name, operation, expected) in states() {
        let found = observed(&operation);
        assert_eq!(found.state, expected, "{name}");
        let several = operation.resources.total() > 1;
        let listed = if several {
            operation.resources.total() as usize
        } else {
            0
        };
        assert_eq!(found.resources.len(), listed, "{name}");
        let unlisted_error = !operation.phase.is_ended() || operation.counts_as_success();
        assert_eq!(found.error.is_none(), unlisted_error, "{name}");
        for (resource, seen) in operation.resources.iter().zip(&found.resources) {
            assert_eq!(seen.id, resource.id.as_str(), "{name}");
            assert_eq!(seen.status.mix(), resource.status.mix(), "{name}");
        }
    }
    for (fault, retry) in faults() {
        let Reply { status, body, .. } = answer(Err(&fault));
        let found = HuaweiElb
            .read(status, &HeaderMap::new(), &body)
            .unwrap_err();
        assert_eq!(found.retry, retry, "{fault:?}: {found}");
        assert!(
            !found.code.is_empty() && !found.message.is_empty(),
            "{fault:?}"
        );
    }
}

#[test]
fn polls_that_cannot_be_written_are_refused() {
    let long = "x".repeat(100_000);
    for (id, project, expected) in [
        (JOB, None, SignError::NoProject),
        ("", Some(PROJECT), SignError::Id(String::new())),
        ("a/../b", Some(PROJECT), SignError::Id("a/../b".to_owned())),
        ("ü", Some(PROJECT), SignError::Id("ü".to_owned())),
        (JOB, Some("a b"), SignError::Id("a b".to_owned())),
    ] {
        let target = Target {
            id: id.into(),
            project: project.map(Cow::Borrowed),
            ..Target::default()
        };
        let found = HuaweiElb.poll(&target, &Signer::new(&ENDPOINT, &key(SECRET), SUBMITTED, 1));
        assert_eq!(found.unwrap_err(), expected);
    }
    for (authority, token) in [("", "t"), ("a b", "t"), ("a", "line\nfeed"), (&long, "t")] {
        let endpoint = Endpoint {
            scheme: "https",
            authority,
        };
        let found = HuaweiElb.poll(
            &target(JOB),
            &Signer::new(&endpoint, &Credential::Token(token.into()), SUBMITTED, 1),
        );
        assert!(
            matches!(found, Err(SignError::Request(_))),
            "{authority} {token}"
        );
    }
}
