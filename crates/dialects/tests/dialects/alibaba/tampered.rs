//! Requests that somebody changed, kept or redirected under their signature.

use super::{SECRET, Sent, dialect, target};
use crate::support::SUBMITTED;
use http::Method;
use longrun_dialects::{Fault, Options};
use longrun_model::Timestamp;

/// Whatever is changed under a signature is noticed, and before anything else is said.
#[test]
fn changed_requests_are_refused() {
    let good = Sent::polled(&target("op-1"), Some("token"), SUBMITTED, 7);
    let changed = |change: fn(&mut Sent)| {
        let mut sent = good.clone();
        change(&mut sent);
        sent.verified(SECRET, SUBMITTED)
    };
    let mismatches: [fn(&mut Sent); 9] = [
        |sent| sent.body = b"OperationId=op-2".to_vec(),
        |sent| sent.body.clear(),
        |sent| sent.query = "OperationId=op-2".to_owned(),
        |sent| sent.method = Method::GET,
        |sent| sent.set("x-acs-action", "DeleteAll"),
        |sent| sent.set("host", "127.0.0.1"),
        |sent| sent.remove("content-type"),
        |sent| sent.add("x-acs-version", "2021-09-31"),
        |sent| sent.set("x-acs-content-sha256", "00"),
    ];
    for (row, change) in mismatches.into_iter().enumerate() {
        let fault = changed(change);
        let is_mismatch = matches!(fault, Err(Fault::BadSignature { .. }));
        assert!(is_mismatch, "row {row}: {fault:?}");
    }
    // A header that the client did not list is no mismatch: the signature does not cover it.
    let uncovered = changed(|sent| sent.set("x-acs-extra", "1"));
    let is_incomplete = matches!(uncovered, Err(Fault::MalformedCredentials(_)));
    assert!(is_incomplete, "{uncovered:?}");
    assert_eq!(changed(|sent| sent.set("user-agent", "proxy")), Ok(()));
}

/// A signature cannot be moved to another operation, in V1 neither.
#[test]
fn copied_signatures_are_refused() {
    let vectors = super::file("sign/vectors.json");
    let rows = vectors["vectors"].as_array().unwrap();
    let row = rows.iter().find(|row| row["id"] == "ali-13").unwrap();
    let mut sent = Sent::of_row(row);
    let now = Timestamp::from_seconds(1_795_226_529);
    assert_eq!(sent.verified(SECRET, now), Ok(()));
    sent.query = sent
        .query
        .replace("OperationId=op%2F7f", "OperationId=op%2F8f");
    let fault = sent.verified(SECRET, now);
    assert!(
        matches!(fault, Err(Fault::BadSignature { .. })),
        "{fault:?}"
    );
}

/// The window is 15 minutes, closed at both ends; a setting changes it.
#[test]
fn old_requests_are_refused() {
    let signed_at = Timestamp::from_seconds(1_795_226_526);
    let sent = Sent::polled(&target("op-1"), None, signed_at, 7);
    let skewed = |ahead_millis| Err(Fault::Skewed { ahead_millis });
    for (millis, expected) in [
        (0, Ok(())),
        (900_000, Ok(())),
        (-900_000, Ok(())),
        (900_001, skewed(-900_001)),
        (-3_600_000, skewed(3_600_000)),
    ] {
        let verified = sent.verified(SECRET, signed_at.plus_millis(millis));
        assert_eq!(verified, expected, "{millis}");
    }
    let options = Options {
        clock_window_millis: Some(31 * 60 * 1_000),
        ..Options::default()
    };
    let proof = dialect()
        .parse(&sent.request(), &options)
        .claim
        .unwrap()
        .proof
        .unwrap();
    assert_eq!(proof.check_time(signed_at.plus_millis(1_860_000)), Ok(()));
}

/// Behind a gateway that rewrites `Host`, an alias names the host that the client signed.
#[test]
fn an_alias_stands_in_for_the_host() {
    let mut sent = Sent::polled(&target("op-1"), None, SUBMITTED, 7);
    sent.set("host", "inner:1");
    let options = Options {
        host_aliases: vec!["127.0.0.1:18081".to_owned()],
        ..Options::default()
    };
    let proof = dialect()
        .parse(&sent.request(), &options)
        .claim
        .unwrap()
        .proof
        .unwrap();
    assert_eq!(proof.verify(SECRET.as_bytes(), SUBMITTED), Ok(()));
}
