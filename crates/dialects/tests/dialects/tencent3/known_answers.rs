//! Requests that the vendor's own clients and documents have signed.

use super::Sent;
use crate::support::polled;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use longrun_dialects::{Fault, Identity, OperationRef, Options, Proof, find};
use longrun_model::Timestamp;
use serde_json::Value;

const VECTORS: &str = include_str!("../../../../../testdata/tencent/sign/vectors.json");

fn rows() -> Vec<Value> {
    let mut file: Value = serde_json::from_str(VECTORS).unwrap();
    let rows = file["vectors"].as_array_mut().unwrap();
    rows.retain(|row| row["dialect"] != "v2");
    std::mem::take(rows)
}

fn sent(row: &Value) -> Sent {
    let field = |name: &str| row[name].as_str().unwrap().to_owned();
    let headers = row["headers"].as_array().unwrap().iter().map(|header| {
        let [name, value] = [&header[0], &header[1]].map(|text| text.as_str().unwrap());
        (HeaderName::try_from(name).unwrap(), value.parse().unwrap())
    });
    Sent {
        method: field("method").parse().unwrap(),
        path: field("path"),
        query: field("query"),
        headers: headers.collect::<HeaderMap>(),
        body: field("body").into_bytes(),
    }
}

/// The text of the row is among those that are tried, and the secret gives the row's signature for it.
fn check_stages(row: &Value, proof: &Proof) {
    let (id, field) = (&row["id"], |name: &str| row[name].as_str().unwrap());
    let text = field("string_to_sign");
    assert!(
        proof.texts.all().any(|tried| tried == text),
        "{id}: {:?}",
        proof.texts
    );
    let encode = |signature: &[u8]| match row["dialect"].as_str() {
        Some("v3-tc3") => hex::encode(signature),
        _ => STANDARD.encode(signature),
    };
    let key = proof.derivation.key(field("secret_key").as_bytes());
    let signature = proof.algorithm.sign(&key, text.as_bytes());
    assert_eq!(encode(&signature), field("expected_signature"), "{id}");
    if let Some(carried) = row.get("carried_signature") {
        assert_eq!(encode(&proof.signature), carried.as_str().unwrap(), "{id}");
    }
}

fn check(row: &Value) {
    let (id, field) = (&row["id"], |name: &str| row[name].as_str().unwrap());
    let sent = sent(row);
    let request = sent.request();
    let dialect = find(&request, &Options::default()).unwrap();
    let claim = dialect.parse(&request, &Options::default()).claim.unwrap();
    assert_eq!(
        claim.identity,
        Identity::AccessKey(field("secret_id").into()),
        "{id}"
    );
    let proof = claim.proof.unwrap();
    check_stages(row, &proof);

    let secret = field("secret_key").as_bytes();
    let signed_at = row["timestamp"].as_i64().unwrap();
    for (offset, in_window) in [
        (0, true),
        (300, true),
        (-300, true),
        (301, false),
        (-301, false),
    ] {
        let now = Timestamp::from_seconds(signed_at + offset);
        match dialect.verify(&proof, secret, now) {
            Ok(()) => assert!(row["valid"] == true && in_window, "{id} {offset}"),
            Err(Fault::Skewed { ahead_millis }) => {
                assert!(row["valid"] == true && !in_window, "{id} {offset}");
                assert_eq!(ahead_millis, -offset * 1_000, "{id}");
            }
            Err(fault) => {
                assert!(matches!(fault, Fault::BadSignature { .. }), "{id} {fault}");
                assert_eq!(row["valid"], false, "{id}");
            }
        }
        assert!(
            dialect.verify(&proof, b"another secret", now).is_err(),
            "{id}"
        );
    }
}

/// Good ones are accepted, bad ones refused, with the clock set to the row's time; every stage is compared.
#[test]
fn every_recorded_request_of_api_3() {
    let rows = rows();
    assert_eq!(rows.len(), 19);
    for row in &rows {
        check(row);
    }
}

/// A request goes to vpc by its action, and to bare metal otherwise; what the recorded ones ask for is understood.
#[test]
fn recorded_requests_are_understood() {
    for row in rows() {
        let sent = sent(&row);
        let request = sent.request();
        let dialect = find(&request, &Options::default()).unwrap();
        let call = dialect.parse(&request, &Options::default());
        let wish = call.wish.map(polled);
        let vpc = ("tencent-vpc3", "vpc:DescribeVpcTaskResult");
        let bm = ("tencent-bm3", "bm:DescribeOperationResult");
        let (expected, known) = match row["action"].as_str().unwrap() {
            "DescribeVpcTaskResult" => (vpc, true),
            // The action of the row that was changed after signing stands in its query alone.
            "DescribeOperationResult" => (bm, !sent.query.contains("Results")),
            _ => (bm, false),
        };
        assert_eq!(
            (dialect.name(), &*call.frame.action),
            expected,
            "{}",
            row["id"]
        );
        match wish {
            Ok(OperationRef::Number(number)) => {
                assert!((1_000_800_001..=1_000_800_002).contains(&number));
            }
            Ok(OperationRef::Text(id)) => {
                assert!(
                    ["481e9b6e81d14859b8cfa673e010b388", "481e9b6e"].contains(&&*id),
                    "{id}"
                );
            }
            Err(fault) => {
                assert!(
                    !known && matches!(fault, Fault::UnknownAction(_)),
                    "{} {fault}",
                    row["id"]
                );
            }
        }
    }
}

/// A token that is not signed is handed on all the same.
#[test]
fn the_recorded_token() {
    let row = rows()
        .into_iter()
        .find(|row| row["id"] == "tc-v3-tc3-03")
        .unwrap();
    let sent = sent(&row);
    let request = sent.request();
    let call = find(&request, &Options::default())
        .unwrap()
        .parse(&request, &Options::default());
    assert_eq!(
        call.claim.unwrap().session_token.as_deref(),
        Some("TOK/+==")
    );
}
