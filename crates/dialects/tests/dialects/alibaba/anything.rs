//! Anything at all, from either side.

use super::states::states;
use super::{FORM, Sent, dialect, frame};
use crate::support::{SUBMITTED, ids, lent};
use http::{HeaderMap, HeaderValue, Method};
use longrun_dialects::Format;
use proptest::prelude::*;

fn parameter() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "Action",
        "Version",
        "AccessKeyId",
        "Signature",
        "SignatureNonce",
        "SignatureVersion",
        "Timestamp",
        "TimeStamp",
        "Format",
        "OperationId",
        "%41ction",
        "",
    ]);
    let value = prop_oneof![
        Just("GetExecuteOperationResult".to_owned()),
        Just("2021-09-31".to_owned()),
        Just("1.0".to_owned()),
        Just("2026-11-21T02:02:06Z".to_owned()),
        "\\PC{0,12}",
        "(%[0-9a-fA-F]{0,2}|[+&=]){0,6}",
    ];
    (name, value).prop_map(|(name, value)| format!("{name}={value}"))
}

fn authorization() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "ACS3-HMAC-SHA256 (Credential=[a-z]{0,2},? ?|SignedHeaders=[-;a-z0-9A-Z]{0,40},? ?|Signature=[0-9a-g]{0,66}){0,4}"
            .prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..80),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes in, something goes out.
    #[test]
    fn no_request_breaks_the_server(
        query in prop::collection::vec(parameter(), 0..12),
        body in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), parameter().prop_map(String::into_bytes)],
        authorization in prop::option::of(authorization()),
        other in prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
    ) {
        let headers = [("authorization", authorization), ("x-acs-date", other.clone()), ("x-acs-signature-nonce", other)];
        let mut sent = Sent::new(&Method::POST, &query.join("&"), &[FORM, ("x-acs-action", "A")], "");
        sent.body = body;
        for (name, bytes) in headers {
            if let Some(value) = bytes.and_then(|bytes| HeaderValue::from_bytes(&bytes).ok()) {
                sent.headers.insert(name, value);
            }
        }
        let call = sent.parsed();
        let verdict = call.claim.and_then(|claim| claim.proof.unwrap().verify(b"s", SUBMITTED));
        let reply = dialect().answer(&call.frame, &lent(&ids()), Err(&verdict.unwrap_err()));
        prop_assert!(!reply.body.is_empty());
    }

    /// Whatever comes back, the client says what to do next.
    #[test]
    fn no_answer_breaks_the_client(
        status in 100u16..700,
        body in prop::collection::vec(any::<u8>(), 0..200),
        cut in 0usize..400,
        at in 0usize..400,
        byte in any::<u8>(),
    ) {
        _ = dialect().read(status, &HeaderMap::new(), &body);
        let ids = ids();
        let (_, operation, _) = &states()[at % states().len()];
        for format in [Format::Json, Format::Xml] {
            let mut answer = dialect().answer(&frame(format), &lent(&ids), Ok(operation)).body;
            answer.truncate(cut.max(1));
            let place = at % answer.len();
            answer[place] = byte;
            _ = dialect().read(status, &HeaderMap::new(), &answer);
        }
    }
}
