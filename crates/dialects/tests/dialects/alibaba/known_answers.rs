//! Requests that other people's clients signed, and what those clients would have us sign.

use super::{Sent, dialect, file, told};
use longrun_dialects::{Credential, Endpoint, Fault, Identity, OperationRef, Signer, Target, Wish};
use longrun_model::Timestamp;
use serde_json::Value;

#[test]
fn recorded_requests_are_judged_as_recorded() {
    let vectors = file("sign/vectors.json");
    let rows = vectors["vectors"].as_array().unwrap();
    assert!(rows.len() >= 23, "{}", rows.len());
    for row in rows {
        check_row(row);
    }
}

fn check_row(row: &Value) {
    let id = row["id"].as_str().unwrap();
    let text = |name: &str| row[name].as_str();
    let sent = Sent::of_row(row);
    let call = sent.parsed();
    let claim = call.claim.unwrap_or_else(|fault| panic!("{id}: {fault}"));
    let key = text("access_key_id").unwrap();
    assert_eq!(claim.identity, Identity::AccessKey(key.into()), "{id}");
    assert_eq!(
        claim.session_token.as_deref(),
        text("security_token"),
        "{id}"
    );
    check_wish(row, call.wish);
    let proof = claim.proof.unwrap();
    if let Some(nonce) = text("nonce") {
        assert_eq!(proof.nonce.as_deref(), Some(nonce), "{id}");
    }
    assert!(proof.nonce.is_some(), "{id}");
    let texts: Vec<_> = proof.texts.all().collect();
    assert_eq!(texts, [text("string_to_sign").unwrap()], "{id}");
    let secret = text("access_key_secret").unwrap().as_bytes();
    let expected = proof
        .algorithm
        .sign(&proof.derivation.key(secret), texts[0].as_bytes());
    let written = match text("signature_version").unwrap() {
        "V3" => hex::encode(expected),
        _ => base64::Engine::encode(&base64::engine::general_purpose::STANDARD, expected),
    };
    assert_eq!(written, text("expected_signature").unwrap(), "{id}");
    if let Some(timestamp) = text("timestamp") {
        let expected: jiff::Timestamp = timestamp.parse().unwrap();
        assert_eq!(
            proof.signed_at.as_millis(),
            expected.as_millisecond(),
            "{id}"
        );
    }
    match dialect().verify(&proof, secret, proof.signed_at) {
        Ok(()) => assert_eq!(text("verdict"), Some("valid"), "{id}"),
        Err(fault) => {
            let (code, message) = told(&fault);
            assert_eq!(text("verdict"), Some(code.as_str()), "{id}");
            let contract = "Specified signature is not matched with our calculation. server string to sign is:";
            assert_eq!(message, format!("{contract}{}", texts[0]), "{id}");
        }
    }
}

/// The action that tells how an operation stands.
const ACTION: &str = "GetExecuteOperationResult";

/// Rows of other actions and products exercise the signature only; what they want is not known here.
fn check_wish(row: &Value, wish: Result<Wish, Fault>) {
    let action = row["action"].as_str().unwrap();
    let expected = match (action, row["business_parameters"].is_object()) {
        (ACTION | "ExecuteOperationASync" | "ExecuteOperationSync", _) => Ok(()),
        (_, true) => Err(Fault::UnknownAction(action.to_owned())),
        (_, false) => Err(Fault::UnknownVersion("2014-05-26".to_owned())),
    };
    if expected.is_err() {
        assert_eq!(wish.map(|_| ()), expected, "{}", row["id"]);
        return;
    }
    let parameter = |name: &str| row["business_parameters"][name].as_str();
    if action != ACTION {
        let Ok(Wish::Submit(order)) = wish else {
            panic!("{} is a submission: {wish:?}", row["id"]);
        };
        let input: Value = serde_json::from_str(order.input.as_str()).unwrap();
        for name in ["ServiceType", "Operation", "ApplicationId"] {
            assert_eq!(input[name].as_str(), parameter(name), "{}", row["id"]);
        }
        return;
    }
    let Wish::Poll {
        operation,
        resource_group,
    } = wish.unwrap()
    else {
        panic!("{} is a poll", row["id"]);
    };
    // An altered row still lists what its client meant.
    if row["verdict"] == "valid" {
        let id = parameter("OperationId").unwrap();
        assert_eq!(operation, OperationRef::Text(id.into()), "{}", row["id"]);
        assert_eq!(
            resource_group.as_deref(),
            parameter("ResourceGroupId"),
            "{}",
            row["id"]
        );
    }
}

/// With the same inputs our client sends the very bytes that an SDK sent, and its signature.
#[test]
fn our_client_signs_as_the_sdk_does() {
    let vectors = file("sign/vectors.json");
    let rows = vectors["vectors"].as_array().unwrap();
    for id in ["ali-15", "ali-25"] {
        let row = rows.iter().find(|row| row["id"] == id).unwrap();
        let text = |name: &str| row[name].as_str();
        let parameter = |name: &str| row["business_parameters"][name].as_str();
        let target = Target {
            id: parameter("OperationId").unwrap().into(),
            resource_group: parameter("ResourceGroupId").map(Into::into),
            ..Target::default()
        };
        let credential = Credential::AccessKey {
            id: text("access_key_id").unwrap().into(),
            secret: text("access_key_secret").unwrap().into(),
            session_token: text("security_token").map(Into::into),
        };
        let endpoint = Endpoint {
            scheme: "http",
            authority: text("host").unwrap(),
        };
        let now: jiff::Timestamp = text("timestamp").unwrap().parse().unwrap();
        let nonce = u128::from_str_radix(text("nonce").unwrap(), 16).unwrap();
        let now = Timestamp::from_millis(now.as_millisecond());
        let request = dialect()
            .poll(&target, &Signer::new(&endpoint, &credential, now, nonce))
            .unwrap();
        let recorded = Sent::of_row(row);
        assert_eq!(request.body(), &recorded.body, "{id}");
        assert_eq!(
            request.headers()["authorization"],
            recorded.headers["authorization"],
            "{id}"
        );
    }
}
