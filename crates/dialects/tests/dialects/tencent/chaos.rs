//! Bytes that nobody would send. Whatever comes in, something sensible goes out.

use super::{NOW, PATH, SECRET, Sent};
use crate::support::{ids, lent};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use longrun_dialects::{ALL, Options, Retry, find, named};
use proptest::collection::vec;
use proptest::prelude::*;

/// Pieces that requests are made of, and some that they are not.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<&[u8]> = vec![
        b"Action",
        b"DescriptionOperationResult",
        b"DescribeNetTaskResult",
        b"taskId",
        b"SecretId",
        b"AKID",
        b"Signature",
        b"YWJj",
        b"Timestamp",
        b"1795226474",
        b"Nonce",
        b"1",
        b"SignatureMethod",
        b"HmacSHA256",
        b"Token",
        b"=",
        b"=",
        b"=",
        b"&",
        b"&",
        b"&",
        b"%",
        b"%2",
        b"%ff",
        b"%00",
        b"+",
        b"@",
        b"_",
        b".",
        b":",
        b"-1",
        b"18446744073709551616",
        b"\xff",
        "北".as_bytes(),
        b"\0",
        b"\r\n",
    ];
    prop_oneof![
        8 => proptest::sample::select(known).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..8),
    ]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(piece(), 0..40).prop_map(|pieces| pieces.concat())
}

fn sent() -> impl Strategy<Value = Sent> {
    let method = proptest::sample::select(vec![Method::GET, Method::POST, Method::PUT]);
    let header = || proptest::option::of(bytes());
    (method, bytes(), bytes(), header(), header()).prop_map(
        |(method, query, body, host, content_type)| {
            let mut headers = HeaderMap::new();
            for (name, value) in [("host", host), ("content-type", content_type)] {
                if let Some(Ok(value)) = value.map(|value| HeaderValue::from_bytes(&value)) {
                    headers.insert(HeaderName::from_static(name), value);
                }
            }
            let query = String::from_utf8_lossy(&query).into_owned();
            Sent {
                method,
                path: PATH.to_owned(),
                query,
                headers,
                body,
            }
        },
    )
}

proptest! {
    #[test]
    fn no_request_is_too_odd(sent in sent()) {
        let request = sent.request();
        let dialect = find(&request, &Options::default()).unwrap();
        let call = dialect.parse(&request, &Options::default());
        let proved = call.claim.and_then(|claim| dialect.verify(&claim.proof.unwrap(), SECRET.as_bytes(), NOW));
        let fault = proved.expect_err("nobody signed it");
        let ids = ids();
        let reply = dialect.answer(&call.frame, &lent(&ids), Err(&fault));
        prop_assert_eq!(reply.status, 200);
        let error = dialect.read(200, &HeaderMap::new(), &reply.body).expect_err("it refuses");
        prop_assert!(matches!(error.retry, Retry::Never | Retry::Forbidden), "{}", error);
    }

    #[test]
    fn no_answer_is_too_odd(status in 100_u16..600, body in bytes()) {
        for name in ["tencent-bm", "tencent-vpc"] {
            prop_assert!(named(name).unwrap().read(status, &HeaderMap::new(), &body).is_err());
        }
    }

    /// A good answer with some bytes changed is read or refused; it never brings the reader down.
    #[test]
    fn damaged_answers_are_read_or_refused(place in any::<prop::sample::Index>(), with in bytes()) {
        let good = br#"{"code":0,"message":"","codeDesc":"Success","data":{"status":7,"output":{"code":0},"instanceIds":[{"instanceId":"a","status":1}]}}"#;
        let place = place.index(good.len());
        let damaged = [&good[..place], &with, &good[(place + with.len()).min(good.len())..]].concat();
        for dialect in &ALL[..2] {
            drop(dialect.read(200, &HeaderMap::new(), &damaged));
        }
    }
}
