//! Requests that the vendor's own code signed, and the published example.

use super::{key, target};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use longrun_dialects::huawei_elb::HuaweiElb;
use longrun_dialects::{
    Algorithm, Dialect, Endpoint, Fault, Identity, Options, Request, Signer, identity,
};
use longrun_model::Timestamp;
use serde::Deserialize;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Vectors {
    count: usize,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
pub(crate) struct Vector {
    id: String,
    scheme: String,
    host: String,
    method: String,
    pub(crate) path: String,
    query: String,
    pub(crate) body: String,
    headers: Vec<(String, String)>,
    ak: String,
    sk: String,
    expected_signature: String,
    verify_at: String,
    expect: String,
}

pub(crate) fn vectors() -> Vec<Vector> {
    let text = include_str!("../../../../../testdata/huawei-elb/sign/vectors.json");
    let Vectors { count, vectors } = serde_json::from_str(text).unwrap();
    assert_eq!(vectors.len(), count);
    vectors
}

impl Vector {
    pub(crate) fn header_map(&self) -> HeaderMap {
        let header = |(name, value): &(String, String)| {
            (
                HeaderName::try_from(name).unwrap(),
                HeaderValue::try_from(value).unwrap(),
            )
        };
        self.headers.iter().map(header).collect()
    }

    fn clock(&self) -> Timestamp {
        let instant = DateTime::strptime("%Y%m%dT%H%M%SZ", &self.verify_at).unwrap();
        let instant = instant.to_zoned(TimeZone::UTC).unwrap();
        Timestamp::from_millis(instant.timestamp().as_millisecond())
    }

    /// The fault that the server finds in it, if any, and the texts that it thinks may have been signed.
    fn verify(&self) -> (Result<(), Fault>, Vec<String>) {
        let (method, headers) = (self.method.parse().unwrap(), self.header_map());
        let request = Request {
            method: &method,
            path: &self.path,
            query: &self.query,
            headers: &headers,
            body: self.body.as_bytes(),
        };
        // Some of the clients' first questions go to the identity service.
        let options = Options::default();
        let claim = if HuaweiElb.claims(&request, &options) {
            HuaweiElb.parse(&request, &options).claim
        } else {
            let call = identity::find(&request, &options);
            let claim = call.and_then(|call| call.claim);
            claim.unwrap_or_else(|| panic!("nobody claims {}", self.id))
        };
        let claim = match claim {
            Ok(claim) => claim,
            Err(fault) => return (Err(fault), Vec::new()),
        };
        assert_eq!(
            claim.identity,
            Identity::AccessKey(Cow::Borrowed(&self.ak)),
            "{}",
            self.id
        );
        let proof = claim.proof.unwrap();
        assert_eq!(
            hex::encode(&proof.signature),
            self.expected_signature,
            "{}",
            self.id
        );
        (
            HuaweiElb.verify(&proof, self.sk.as_bytes(), self.clock()),
            proof.texts.all().map(Cow::into_owned).collect(),
        )
    }
}

#[test]
fn recorded_requests_are_judged_as_recorded() {
    for vector in vectors() {
        let (verdict, texts) = vector.verify();
        assert_eq!(
            verdict.is_ok(),
            vector.expect == "accept",
            "{}: {verdict:?} {texts:?}",
            vector.id
        );
        match (vector.id.as_str(), verdict) {
            ("neg-other-secret" | "neg-other-path", Err(Fault::BadSignature { .. }))
            | ("neg-cut-signature" | "neg-date-not-signed", Err(Fault::MalformedCredentials(_)))
            | (_, Ok(())) => (),
            ("neg-late", Err(fault)) => assert_eq!(
                fault,
                Fault::Skewed {
                    ahead_millis: -960_000
                }
            ),
            (id, Err(fault)) => panic!("{id}: {fault}"),
        }
    }
}

/// The signing guide prints the hash of its canonical request.
#[test]
fn the_published_example_is_met_stage_by_stage() {
    let vectors = vectors();
    let example = vectors
        .iter()
        .find(|vector| vector.id == "doc-example")
        .unwrap();
    let (verdict, texts) = example.verify();
    assert_eq!(verdict, Ok(()));
    let hash = "b25362e603ee30f4f25e7858e8a7160fd36e803bb2dfe206278659d71a9bcd7a";
    assert_eq!(
        texts,
        [format!("SDK-HMAC-SHA256\n20191115T033655Z\n{hash}")]
    );
    let signature = Algorithm::HmacSha256.sign(example.sk.as_bytes(), texts[0].as_bytes());
    assert_eq!(hex::encode(signature), example.expected_signature);
}

/// Our signer writes the same header as the vendor's for the same request.
#[test]
fn polls_are_signed_as_the_vendor_signs_them() {
    let vectors = vectors();
    for id in ["py-flat-job", "node-flat-job", "py-flat-host-port"] {
        let vector = vectors.iter().find(|vector| vector.id == id).unwrap();
        let endpoint = Endpoint {
            scheme: &vector.scheme,
            authority: &vector.host,
        };
        let poll = HuaweiElb
            .poll(
                &target(super::JOB),
                &Signer::new(&endpoint, &key(&vector.sk), vector.clock(), 1),
            )
            .unwrap();
        assert_eq!(poll.uri().path(), vector.path, "{id}");
        let theirs = vector.header_map();
        for name in [
            "authorization",
            "host",
            "content-type",
            "x-sdk-date",
            "x-project-id",
        ] {
            assert_eq!(poll.headers().get(name), theirs.get(name), "{id}: {name}");
        }
    }
}
