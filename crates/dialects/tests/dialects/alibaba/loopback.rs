//! The two halves against each other.

use super::states::{faults, states};
use super::{SECRET, Sent, dialect, frame, target};
use crate::support::{SUBMITTED, ids, lent};
use http::HeaderMap;
use longrun_dialects::{Fault, Format, Observation, OperationRef, Retry, Target, Watched, Wish};
use longrun_model::Operation;

#[test]
fn our_server_accepts_what_our_client_signs() {
    for (id, group, token) in [
        ("op-0123", None, None),
        ("op/7f 标~*+(!)'", Some("rg-1 & 2"), None),
        ("a", None, Some("CAISfake+/token==.~_-")),
    ] {
        let target = Target {
            resource_group: group.map(Into::into),
            ..target(id)
        };
        let sent = Sent::polled(&target, token, SUBMITTED, 7);
        let call = sent.parsed();
        let wish = Wish::Poll {
            operation: OperationRef::Text(id.into()),
            resource_group: group.map(Into::into),
        };
        assert_eq!(call.wish, Ok(wish));
        assert_eq!(call.frame.format, Format::Json);
        assert_eq!(call.frame.host, "127.0.0.1:18081");
        let claim = call.claim.unwrap();
        assert_eq!(claim.session_token.as_deref(), token);
        assert_eq!(
            claim.proof.unwrap().nonce.as_deref(),
            Some("00000000000000000000000000000007")
        );
        assert_eq!(sent.verified(SECRET, SUBMITTED), Ok(()));
        let wrong = sent.verified("another", SUBMITTED);
        assert!(
            matches!(wrong, Err(Fault::BadSignature { .. })),
            "{wrong:?}"
        );
    }
}

#[test]
fn our_client_reads_what_our_server_answers() {
    let ids = ids();
    for (name, operation, state) in states() {
        let [json, xml] = [Format::Json, Format::Xml].map(|format| {
            let reply = dialect().answer(&frame(format), &lent(&ids), Ok(&operation));
            dialect()
                .read(reply.status, &HeaderMap::new(), &reply.body)
                .unwrap()
        });
        assert_eq!(json, xml, "{name}");
        assert_eq!(json.state, state, "{name}");
        check_observation(name, &operation, &json);
    }
}

fn check_observation(name: &str, operation: &Operation, observed: &Observation) {
    assert_eq!(
        observed.error.is_some(),
        matches!(observed.state, Watched::Failed | Watched::Partial),
        "{name}"
    );
    if operation.phase.is_ended() && operation.resources.total() == 0 {
        assert_eq!(observed.output, operation.output, "{name}");
    }
    for one in &observed.resources {
        let resource = operation
            .resources
            .iter()
            .find(|resource| resource.id.as_str() == one.id)
            .unwrap();
        assert_eq!(one.status, resource.status, "{name}");
        assert_eq!(one.output, resource.output, "{name}");
        assert_eq!(one.error, resource.error.as_deref().cloned(), "{name}");
    }
    let is_mixed = observed.state == Watched::Partial;
    assert!(
        !is_mixed || observed.resources.len() == operation.resources.total() as usize,
        "{name}"
    );
}

#[test]
fn our_client_reads_our_refusals() {
    let again = |after_millis| Retry::Again { after_millis };
    for (name, fault) in faults() {
        let expected = match &fault {
            Fault::NotFound | Fault::Gone => Retry::Unknown,
            Fault::Skewed { .. } | Fault::MalformedTime => Retry::Clock,
            Fault::Throttled { retry_after_millis } => again(Some(*retry_after_millis)),
            Fault::Unavailable | Fault::Internal | Fault::Replayed => again(None),
            Fault::UnknownKey
            | Fault::DisabledKey
            | Fault::LockedKey
            | Fault::BadSignature { .. }
            | Fault::BadToken
            | Fault::ExpiredToken
            | Fault::Forbidden { .. }
            | Fault::WrongProject => Retry::Forbidden,
            Fault::Malformed(_)
            | Fault::TooLarge { .. }
            | Fault::UnknownMethod
            | Fault::UnknownPath
            | Fault::UnknownAction(_)
            | Fault::UnknownVersion(_)
            | Fault::UnknownFormat(_)
            | Fault::MissingParameter(_)
            | Fault::WrongType { .. }
            | Fault::IdempotencyMismatch
            | Fault::NoSuchResource(_)
            | Fault::ResourceInUse { .. }
            | Fault::LimitReached { .. }
            | Fault::RulesTooLarge { .. }
            | Fault::Busy(_)
            | Fault::InvalidParameter { .. }
            | Fault::MissingCredentials(_)
            | Fault::MalformedCredentials(_)
            | Fault::UnknownAlgorithm(_) => Retry::Never,
        };
        for format in [Format::Json, Format::Xml] {
            let reply = dialect().answer(&frame(format), &lent(&ids()), Err(&fault));
            let headers = reply.headers.into_iter().collect();
            let error = dialect()
                .read(reply.status, &headers, &reply.body)
                .unwrap_err();
            assert_eq!(error.retry, expected, "{name}");
            assert!(
                !error.message.is_empty() && !error.message.contains("%2F"),
                "{name}"
            );
        }
    }
}
