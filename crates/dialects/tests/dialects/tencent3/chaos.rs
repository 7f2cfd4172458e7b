//! Bytes that nobody would send. Whatever comes in, something sensible goes out.

use super::{BM, BY_REQUEST, FORM, NOW, SECRET, Sent, dialects};
use crate::support::{ids, lent};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use longrun_dialects::Options;
use proptest::collection::vec;
use proptest::prelude::*;

/// Pieces that requests are made of, and some that they are not.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<&[u8]> = vec![
        b"TC3-HMAC-SHA256 ",
        b"Credential=AKID/2026-11-21/bm/tc3_request",
        b", SignedHeaders=",
        b"content-type;host",
        b", Signature=",
        b"72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168",
        b"DescribeOperationResult",
        b"DescribeVpcTaskResult",
        b"2018-04-23",
        b"2017-03-12",
        b"application/json",
        b"1795226474",
        b"Action=",
        b"Version=",
        b"SecretId=AKID",
        b"Signature=YWJj",
        b"Timestamp=1795226474",
        b"Nonce=1",
        b"{\"TaskId\":",
        b"TaskId=",
        b"}",
        b"[[[",
        b"\"",
        b"\\u",
        b"\\ud800",
        b"&",
        b"&",
        b",",
        b";",
        b"/",
        b"%2",
        b"%ff",
        b"+",
        b"@",
        b"-1",
        b"18446744073709551616",
        b"http://",
        b":",
        b"\xff",
        "北".as_bytes(),
        b"\0",
    ];
    prop_oneof![
        8 => proptest::sample::select(known).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..8),
    ]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(piece(), 0..20).prop_map(|pieces| pieces.concat())
}

const NAMES: [&str; 7] = [
    "host",
    "content-type",
    "authorization",
    "x-tc-action",
    "x-tc-version",
    "x-tc-timestamp",
    "x-tc-content-sha256",
];

fn sent() -> impl Strategy<Value = Sent> {
    let method = proptest::sample::select(vec![Method::GET, Method::POST, Method::PUT]);
    let values = vec(proptest::option::of(bytes()), NAMES.len());
    (method, bytes(), bytes(), values).prop_map(|(method, query, body, values)| {
        let mut sent = Sent::new(method, &String::from_utf8_lossy(&query), &body);
        for (name, value) in NAMES.into_iter().zip(values) {
            if let Some(Ok(value)) = value.map(|value| HeaderValue::from_bytes(&value)) {
                sent.headers.insert(HeaderName::from_static(name), value);
            }
        }
        sent
    })
}

/// Whether `sent` is refused by both dialects, in words that they read themselves.
fn is_refused(sent: &Sent) -> bool {
    let request = sent.request();
    dialects().into_iter().all(|dialect| {
        dialect.claims(&request, &Options::default());
        let call = dialect.parse(&request, &Options::default());
        let frame = call.frame.clone();
        let Err(fault) = super::outcome(dialect, call) else {
            return false;
        };
        let ids = ids();
        let reply = dialect.answer(&frame, &lent(&ids), Err(&fault));
        reply.status == 200 && dialect.read(200, &HeaderMap::new(), &reply.body).is_err()
    })
}

proptest! {
    #[test]
    fn no_request_is_too_odd(sent in sent()) {
        prop_assert!(is_refused(&sent));
    }

    /// One header of a good request replaced: never a panic, and never a success but for what nobody signs.
    #[test]
    fn damaged_headers(place in 0..NAMES.len(), with in bytes()) {
        let name = NAMES[place];
        let Ok(value) = HeaderValue::from_bytes(&with) else { return Ok(()) };
        let mut sent = Sent::json(BM, r#"{"TaskId":7}"#);
        let before = sent.headers.insert(HeaderName::from_static(name), value.clone());
        // The same value is no damage.
        prop_assume!(before.as_ref() != Some(&value));
        let unsigned = name.starts_with("x-tc-") && name != "x-tc-timestamp";
        prop_assert!(unsigned || is_refused(&sent), "{}", name);
    }

    /// Whoever holds the secret is answered as well, whatever stands in what was signed.
    #[test]
    fn signed_nonsense(body in bytes(), query in bytes(), get in any::<bool>()) {
        let mut sent = if get {
            Sent::new(Method::GET, &String::from_utf8_lossy(&query), b"").with_header("content-type", FORM)
        } else {
            Sent::new(Method::POST, "", &body).with_header("content-type", "application/json")
        };
        for asked in [BM, BY_REQUEST] {
            sent = sent.asking(asked.0, asked.1).signed();
            let request = sent.request();
            for dialect in dialects() {
                let call = dialect.parse(&request, &Options::default());
                let proof = call.claim.unwrap().proof.unwrap();
                prop_assert_eq!(dialect.verify(&proof, SECRET.as_bytes(), NOW), Ok(()));
            }
        }
    }

    #[test]
    fn no_answer_is_too_odd(status in 100_u16..600, body in bytes()) {
        for dialect in dialects() {
            prop_assert!(dialect.read(status, &HeaderMap::new(), &body).is_err());
        }
    }

    /// A good answer with some bytes changed is read or refused; it never brings the reader down.
    #[test]
    fn damaged_answers_are_read_or_refused(place in any::<prop::sample::Index>(), with in bytes()) {
        let good = br#"{"Response":{"TaskStatus":7,"Status":"FAILED","Output":"{}","Result":[{"ResourceId":"a"}],"SubtaskStatusSet":[{"InstanceId":"a","TaskStatus":1}]}}"#;
        let place = place.index(good.len());
        let damaged = [&good[..place], &with, &good[(place + with.len()).min(good.len())..]].concat();
        for dialect in dialects() {
            drop(dialect.read(200, &HeaderMap::new(), &damaged));
        }
    }
}
