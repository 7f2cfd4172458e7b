//! Both Tencent dialects of API 2.0, seen from outside: requests as they come in, answers as they go out.

mod chaos;
mod known_answers;
mod loopback;
mod reading;
mod refusals;
mod variants;
pub(crate) mod wire;

use crate::support::polled;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use longrun_dialects::{Algorithm, Fault, OperationRef, Options, Request, find};
use longrun_model::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The key of the tests.
const SECRET_ID: &str = "AKIDEXAMPLE";
/// Its secret.
const SECRET: &str = "secretexample";
/// The time of the tests: two seconds after [`SIGNED_AT`].
const NOW: Timestamp = Timestamp::from_seconds(1_795_226_474);
/// The `Timestamp` of the tests' requests.
const SIGNED_AT: &str = "1795226472";
/// The path of API 2.0.
const PATH: &str = "/v2/index.php";

/// A request with everything that it borrows.
#[derive(Clone, Debug)]
struct Sent {
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Sent {
    /// A GET with this query.
    fn get(host: &str, query: &str) -> Self {
        let sent = Self {
            method: Method::GET,
            path: PATH.to_owned(),
            query: query.to_owned(),
            headers: HeaderMap::new(),
            body: Vec::new(),
        };
        sent.with_header("host", host)
    }

    /// A POST with this form.
    fn post(host: &str, form: &str) -> Self {
        let mut sent = Self::get(host, "");
        sent.method = Method::POST;
        sent.body = form.into();
        sent.with_header("content-type", "application/x-www-form-urlencoded")
    }

    fn with_header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().unwrap();
        self.headers
            .insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        }
    }

    /// Who serves it, and what comes of it: the task asked for, or why not.
    fn served(&self, options: &Options) -> (&'static str, Result<u64, Fault>) {
        let request = self.request();
        let dialect = find(&request, &Options::default()).expect("the path belongs to API 2.0");
        let call = dialect.parse(&request, options);
        let proved = call.claim.and_then(|claim| {
            let proof = claim.proof.expect("an access key comes with a signature");
            dialect.verify(&proof, SECRET.as_bytes(), NOW)
        });
        let task = proved.and(call.wish).map(|wish| match polled(wish) {
            OperationRef::Number(number) => number,
            OperationRef::Text(text) => panic!("{text} is no number"),
        });
        (dialect.name(), task)
    }

    /// The same with the default options.
    fn outcome(&self) -> Result<u64, Fault> {
        self.served(&Options::default()).1
    }
}

/// The parameters that every signed request needs, and `more`.
fn with_common<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let common = [
        ("SecretId", SECRET_ID),
        ("Timestamp", SIGNED_AT),
        ("Nonce", "4711"),
    ];
    [more, &common].concat()
}

/// Parameters sorted and joined as the documents say.
fn sorted(parameters: &[(&str, &str)]) -> String {
    let mut parameters = parameters.to_vec();
    parameters.sort_by_key(|(name, _)| *name);
    let pairs: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// Parameters for the wire, with the signature of `text`.
fn encoded(parameters: &[(&str, &str)], algorithm: Algorithm, text: &str) -> String {
    let signature = STANDARD.encode(algorithm.sign(SECRET.as_bytes(), text.as_bytes()));
    let signed = [parameters, &[("Signature", signature.as_str())]].concat();
    let escape = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let pairs: Vec<String> = signed
        .iter()
        .map(|(name, value)| format!("{name}={}", escape(value)))
        .collect();
    pairs.join("&")
}

/// A GET with these parameters, signed as the documents say.
fn signed_get(host: &str, more: &[(&str, &str)]) -> Sent {
    let parameters = with_common(more);
    let text = format!("GET{host}{PATH}?{}", sorted(&parameters));
    Sent::get(host, &encoded(&parameters, Algorithm::HmacSha1, &text))
}
