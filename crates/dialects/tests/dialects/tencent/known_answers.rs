//! Requests that the vendor's own clients and documents have signed.

use super::Sent;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use longrun_dialects::{Fault, Identity, Options, find};
use longrun_model::Timestamp;
use serde_json::Value;

const VECTORS: &str = include_str!("../../../../../testdata/tencent/sign/vectors.json");

fn sent(row: &Value) -> Sent {
    let field = |name: &str| row[name].as_str().unwrap().to_owned();
    let mut headers = HeaderMap::new();
    for header in row["headers"].as_array().unwrap() {
        let [name, value] = [&header[0], &header[1]].map(|text| text.as_str().unwrap());
        headers.insert(
            http::HeaderName::try_from(name).unwrap(),
            value.parse().unwrap(),
        );
    }
    Sent {
        method: field("method").parse().unwrap(),
        path: field("path"),
        query: field("query"),
        headers,
        body: field("body").into_bytes(),
    }
}

fn check(row: &Value) {
    let id = row["id"].as_str().unwrap();
    let field = |name: &str| row[name].as_str().unwrap();
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
    assert_eq!(proof.texts.first(), field("string_to_sign"), "{id}");
    let secret = field("secret_key").as_bytes();
    let expected = proof.algorithm.sign(
        &proof.derivation.key(secret),
        proof.texts.first().as_bytes(),
    );
    assert_eq!(
        STANDARD.encode(expected),
        field("expected_signature"),
        "{id}"
    );
    if let Some(carried) = row.get("carried_signature") {
        assert_eq!(
            STANDARD.encode(&proof.signature),
            carried.as_str().unwrap(),
            "{id}"
        );
    }

    let signed_at = row["timestamp"].as_i64().unwrap();
    for (offset, in_window) in [
        (0, true),
        (300, true),
        (-300, true),
        (301, false),
        (-301, false),
    ] {
        let now = Timestamp::from_seconds(signed_at + offset);
        let verdict = dialect.verify(&proof, secret, now);
        match verdict {
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
fn every_recorded_request_of_api_2() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let rows = file["vectors"].as_array().unwrap().iter();
    let rows: Vec<&Value> = rows.filter(|row| row["dialect"] == "v2").collect();
    assert_eq!(rows.len(), 14);
    for row in rows {
        check(row);
    }
}

/// A request goes to bare metal by its action or by its host, and to vpc otherwise.
#[test]
fn recorded_requests_find_their_dialect() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    for row in file["vectors"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["dialect"] == "v2")
    {
        let bare_metal = ["DescriptionOperationResult", "RebootDevice", "StartDevice"]
            .contains(&row["action"].as_str().unwrap());
        let expected = if bare_metal {
            "tencent-bm"
        } else {
            "tencent-vpc"
        };
        let sent = sent(row);
        assert_eq!(
            find(&sent.request(), &Options::default()).unwrap().name(),
            expected,
            "{}",
            row["id"]
        );
    }
}
