//! Requests and answers that nobody should send.

use super::golden::states;
use super::known_answers::vectors;
use super::{ENDPOINT, JOB, KEY, PROJECT, SECRET, answer, key, target};
use crate::support::SUBMITTED;
use http::{HeaderMap, HeaderValue, Method};
use longrun_dialects::huawei_elb::HuaweiElb;
use longrun_dialects::{Claim, Dialect, Fault, Options, Proof, Request, Signer};

fn signed_headers() -> HeaderMap {
    let poll = HuaweiElb
        .poll(
            &target(JOB),
            &Signer::new(&ENDPOINT, &key(SECRET), SUBMITTED, 1),
        )
        .unwrap();
    poll.headers().clone()
}

fn job_path() -> String {
    format!("/v1.0/{PROJECT}/jobs/{JOB}")
}

fn with_claim<T>(
    headers: &HeaderMap,
    path: &str,
    query: &str,
    read: impl FnOnce(Result<Claim, Fault>) -> T,
) -> T {
    let request = Request {
        method: &Method::GET,
        path,
        query,
        headers,
        body: &[],
    };
    read(HuaweiElb.parse(&request, &Options::default()).claim)
}

fn check_proof(proof: &Proof) -> Result<(), Fault> {
    HuaweiElb.verify(proof, SECRET.as_bytes(), SUBMITTED)
}

type Expected<'a> = &'a dyn Fn(&Fault) -> bool;

/// Each row changes one header of a good request.
#[test]
fn bad_credentials_are_told_apart() {
    let authorization = signed_headers()["authorization"]
        .to_str()
        .unwrap()
        .to_owned();
    let scoped = |day: &str| {
        authorization.replace(
            &format!("Access={KEY}"),
            &format!("Credential={KEY}/{day}///sdk_request"),
        )
    };
    let (yesterday, unsigned) = (scoped("20261120"), authorization.replace(";x-sdk-date", ""));
    let absent = authorization.replace("SignedHeaders=", "SignedHeaders=accept-language;");
    let malformed = |fault: &Fault| matches!(fault, Fault::MalformedCredentials(_));
    let missing_date = |fault: &Fault| *fault == Fault::MissingCredentials("x-sdk-date");
    let time = |fault: &Fault| *fault == Fault::MalformedTime;
    let rows: [(&str, Option<&str>, Expected); 14] = [
        ("authorization", None, &|fault| {
            *fault == Fault::MissingCredentials("x-auth-token")
        }),
        ("authorization", Some(""), &malformed),
        ("authorization", Some("\u{fc}"), &malformed),
        ("authorization", Some("Bearer x"), &|fault| {
            *fault == Fault::UnknownAlgorithm("Bearer".to_owned())
        }),
        ("authorization", Some(&yesterday), &malformed),
        ("authorization", Some(&unsigned), &malformed),
        ("authorization", Some(&absent), &malformed),
        ("x-sdk-date", None, &missing_date),
        ("x-sdk-date", Some(""), &time),
        ("x-sdk-date", Some("20261321T020304Z"), &time),
        ("x-sdk-date", Some("2026-11-21T02:03:04Z"), &time),
        ("x-sdk-date", Some("99999999999999999999"), &time),
        ("x-sdk-date", Some("-0261121T020304Z"), &time),
        ("x-project-id", None, &malformed),
    ];
    for (name, value, expected) in rows {
        let mut headers = signed_headers();
        match value {
            Some(value) => headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap()),
            None => headers.remove(name),
        };
        let fault = with_claim(&headers, &job_path(), "", |claim| claim.unwrap_err());
        assert!(expected(&fault), "{name}: {value:?}: {fault:?}");
    }
}

#[test]
fn a_changed_request_is_no_longer_signed() {
    let other_job = job_path().replace("41619", "41618");
    for (path, query, header) in [
        (other_job.as_str(), "", None),
        (&job_path(), "a=1", None),
        (&job_path(), "", Some(("host", "127.0.0.1:8081"))),
        (
            &job_path(),
            "",
            Some(("x-project-id", "0123456789abcdef0123456789abcdef")),
        ),
        (&job_path(), "", Some(("x-sdk-date", "20261121T020207Z"))),
    ] {
        let mut headers = signed_headers();
        if let Some((name, value)) = header {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let fault = with_claim(&headers, path, query, |claim| {
            check_proof(&claim.unwrap().proof.unwrap())
        });
        assert!(
            matches!(fault, Err(Fault::BadSignature { .. })),
            "{path} {query} {header:?}: {fault:?}"
        );
    }
    // Names count in any case, headers that are not signed may change, and a token in addition changes nothing.
    let mut headers = signed_headers();
    let named = headers["authorization"]
        .to_str()
        .unwrap()
        .replace(";host;", ";Host;");
    headers.insert("authorization", named.parse().unwrap());
    headers.insert("accept", HeaderValue::from_static("text/html"));
    headers.insert("x-auth-token", HeaderValue::from_static("MIITOKEN"));
    let verdict = with_claim(&headers, &job_path(), "", |claim| {
        check_proof(&claim.unwrap().proof.unwrap())
    });
    assert_eq!(verdict, Ok(()));
}

#[test]
fn settings_change_host_and_window() {
    let mut headers = signed_headers();
    headers.insert("host", HeaderValue::from_static("localhost:9000"));
    let path = job_path();
    let request = Request {
        method: &Method::GET,
        path: &path,
        query: "",
        headers: &headers,
        body: &[],
    };
    let options = Options {
        host_aliases: vec!["elb.example.com".to_owned(), ENDPOINT.authority.to_owned()],
        clock_window_millis: Some(1_000),
        ..Options::default()
    };
    let proof = HuaweiElb
        .parse(&request, &options)
        .claim
        .unwrap()
        .proof
        .unwrap();
    assert_eq!(check_proof(&proof), Ok(()));
    let late = HuaweiElb.verify(&proof, SECRET.as_bytes(), SUBMITTED.plus_millis(1_000));
    assert_eq!(
        late,
        Err(Fault::Skewed {
            ahead_millis: -1_123
        })
    );
}

#[test]
fn tokens_that_cannot_be_are_refused() {
    for (token, expected) in [
        (None, Fault::MissingCredentials("x-auth-token")),
        (Some(&b""[..]), Fault::MissingCredentials("x-auth-token")),
        (Some(b"\xff\xfe"), Fault::BadToken),
    ] {
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            headers.insert("x-auth-token", HeaderValue::from_bytes(token).unwrap());
        }
        let fault = with_claim(&headers, &job_path(), "", |claim| claim.unwrap_err());
        assert_eq!(fault, expected);
    }
}

/// Xorshift: enough to be unlike anything that was thought of, and the same in every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 1).unwrap_or_default() % end
    }

    /// `text` with a few bytes changed, taken out or put in.
    fn damaged(&mut self, text: &[u8]) -> Vec<u8> {
        let mut text = text.to_vec();
        for _ in 0..self.below(6) {
            let (place, byte) = (self.below(text.len() + 1), self.next().to_le_bytes()[0]);
            match self.below(3) {
                0 => text.insert(place, byte),
                1 => drop(text.drain(place.saturating_sub(1)..place)),
                _ => text.truncate(place.max(1)),
            }
        }
        text
    }

    fn damaged_text(&mut self, text: &str) -> String {
        String::from_utf8_lossy(&self.damaged(text.as_bytes())).into_owned()
    }
}

/// Whatever comes, nothing panics: neither the server half nor the client half.
#[test]
fn noise_is_survived() {
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let vectors = vectors();
    let answers: Vec<_> = states()
        .iter()
        .map(|(_, operation, _)| answer(Ok(operation)))
        .collect();
    for round in 0..20_000 {
        let vector = &vectors[round % vectors.len()];
        let mut headers = vector.header_map();
        for value in headers.values_mut() {
            if let Ok(damaged) = HeaderValue::from_bytes(&noise.damaged(value.as_bytes())) {
                *value = damaged;
            }
        }
        let request = Request {
            method: if round % 2 == 0 {
                &Method::GET
            } else {
                &Method::POST
            },
            path: &noise.damaged_text(&vector.path),
            query: &noise.damaged_text("a=%20&b=2&a=+"),
            headers: &headers,
            body: &noise.damaged(vector.body.as_bytes()),
        };
        let call = HuaweiElb.parse(&request, &Options::default());
        for fault in [call.claim.err(), call.wish.err()].into_iter().flatten() {
            answer(Err(&fault));
        }
        let reply = &answers[round % answers.len()];
        drop(HuaweiElb.read(200, &headers, &noise.damaged(&reply.body)));
    }
    let deep = "[".repeat(10_000);
    let deep = format!(r#"{{"status":"SUCCESS","entities":{deep}}}"#);
    assert!(
        HuaweiElb
            .read(200, &HeaderMap::new(), deep.as_bytes())
            .is_err()
    );
}
