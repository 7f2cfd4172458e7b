//! Both Tencent dialects of API 3.0, seen from outside.

mod chaos;
mod known_answers;
mod loopback;
mod reading;
mod refusals;
mod routing;
mod variants;
mod wire;

use crate::support::polled;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use longrun_dialects::{
    Algorithm, Call, Derivation, Dialect, Fault, OperationRef, Options, Request, find, named,
};
use longrun_model::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

/// The key of the tests.
const SECRET_ID: &str = "AKIDEXAMPLE";
/// Its secret.
const SECRET: &str = "secretexample";
/// The time of the tests: two seconds after [`SIGNED_AT`].
const NOW: Timestamp = Timestamp::from_seconds(1_795_226_474);
/// The `Timestamp` of the tests' requests.
const SIGNED_AT: &str = "1795226472";
/// The day of it.
const DAY: &str = "2026-11-21";
/// The host of the tests.
const HOST: &str = "127.0.0.1:8080";
/// The content type of forms.
const FORM: &str = "application/x-www-form-urlencoded";

const BM: (&str, &str) = ("2018-04-23", "DescribeOperationResult");
const BY_REQUEST: (&str, &str) = ("2017-03-12", "DescribeVpcTaskResult");
const BY_NUMBER: (&str, &str) = ("2017-03-12", "DescribeTaskResult");

fn dialects() -> [&'static dyn Dialect; 2] {
    ["tencent-bm3", "tencent-vpc3"].map(|name| named(name).unwrap())
}

/// A request with everything that it borrows.
#[derive(Clone, Debug)]
struct Sent {
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// What comes of a request: the operation asked for, or why not.
type Outcome = Result<OperationRef<'static>, Fault>;

/// An operation asked for by its number.
#[expect(
    clippy::unnecessary_wraps,
    reason = "tables compare it with what comes of a request"
)]
fn number(number: u64) -> Outcome {
    Ok(OperationRef::Number(number))
}

/// An operation asked for by a text.
#[expect(
    clippy::unnecessary_wraps,
    reason = "tables compare it with what comes of a request"
)]
fn text(text: &str) -> Outcome {
    Ok(OperationRef::Text(text.to_owned().into()))
}

impl Sent {
    /// A request to `/` that nobody has signed.
    fn new(method: Method, query: &str, body: &[u8]) -> Self {
        let sent = Self {
            method,
            path: "/".to_owned(),
            query: query.to_owned(),
            headers: HeaderMap::new(),
            body: body.to_vec(),
        };
        sent.with_header("host", HOST)
    }

    /// A POST of this JSON, signed as the documents say.
    fn json((version, action): (&str, &str), body: &str) -> Self {
        Self::new(Method::POST, "", body.as_bytes())
            .with_header("content-type", "application/json")
            .asking(version, action)
            .signed()
    }

    /// A GET with this query, signed as the documents say.
    fn get((version, action): (&str, &str), query: &str) -> Self {
        Self::new(Method::GET, query, b"")
            .with_header("content-type", FORM)
            .asking(version, action)
            .signed()
    }

    fn asking(self, version: &str, action: &str) -> Self {
        self.with_header("x-tc-version", version)
            .with_header("x-tc-action", action)
            .with_header("x-tc-timestamp", SIGNED_AT)
    }

    fn with_header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().unwrap();
        self.headers
            .insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    fn without_header(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// The same with a TC3 signature over what it has.
    fn signed(self) -> Self {
        let header =
            |name| String::from_utf8_lossy(self.headers[name].as_bytes()).to_ascii_lowercase();
        let (content_type, host) = (header("content-type"), header("host"));
        let headers = format!("content-type:{content_type}\nhost:{host}\n");
        let query = if self.method == Method::GET {
            &*self.query
        } else {
            ""
        };
        let canonical = format!(
            "{}\n/\n{query}\n{headers}\ncontent-type;host\n{}",
            self.method,
            hash(&self.body)
        );
        self.with_signature_of(&canonical, "content-type;host", "bm")
    }

    /// The same with the signature of this canonical request.
    fn with_signature_of(self, canonical: &str, signed_headers: &str, service: &str) -> Self {
        let timestamp = String::from_utf8_lossy(self.headers["x-tc-timestamp"].as_bytes());
        let scope = format!("{DAY}/{service}/tc3_request");
        let text = format!(
            "TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{}",
            hash(canonical.as_bytes())
        );
        let derivation = Derivation::Chained {
            prefix: "TC3",
            steps: vec![DAY.into(), service.into(), "tc3_request".into()],
        };
        let key = derivation.key(SECRET.as_bytes());
        let signature = hex::encode(Algorithm::HmacSha256.sign(&key, text.as_bytes()));
        let value = format!(
            "TC3-HMAC-SHA256 Credential={SECRET_ID}/{scope}, SignedHeaders={signed_headers}, Signature={signature}"
        );
        self.with_header("authorization", &value)
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

    /// Who serves it, and what comes of it.
    fn served(&self, options: &Options) -> (&'static str, Outcome) {
        let request = self.request();
        let dialect = find(&request, &Options::default()).expect("it is one of API 3.0");
        let call = dialect.parse(&request, options);
        (dialect.name(), outcome(dialect, call))
    }

    /// The same with the default options, and without who serves it.
    fn outcome(&self) -> Outcome {
        self.served(&Options::default()).1
    }
}

/// What comes of a call once its claim is proved.
fn outcome(dialect: &dyn Dialect, call: Call) -> Outcome {
    let proof = call
        .claim?
        .proof
        .expect("an access key comes with a signature");
    dialect.verify(&proof, SECRET.as_bytes(), NOW)?;
    Ok(match polled(call.wish?) {
        OperationRef::Number(number) => OperationRef::Number(number),
        OperationRef::Text(text) => OperationRef::Text(text.into_owned().into()),
    })
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Parameters with those that every request with the older signature needs.
fn with_common<'a>(
    (version, action): (&'a str, &'a str),
    more: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let common = [
        ("Version", version),
        ("Action", action),
        ("SecretId", SECRET_ID),
        ("Timestamp", SIGNED_AT),
        ("Nonce", "4711"),
    ];
    [&common, more].concat()
}

/// A request with these parameters and the older signature.
fn older(method: Method, parameters: &[(&str, &str)]) -> Sent {
    let algorithm = match parameters
        .iter()
        .find(|(name, _)| *name == "SignatureMethod")
    {
        Some((_, "HmacSHA256")) => Algorithm::HmacSha256,
        Some(_) | None => Algorithm::HmacSha1,
    };
    let mut sorted = parameters.to_vec();
    sorted.sort_by_key(|(name, _)| *name);
    let pairs: Vec<String> = sorted
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let text = format!("{method}{HOST}/?{}", pairs.join("&"));
    let signature = STANDARD.encode(algorithm.sign(SECRET.as_bytes(), text.as_bytes()));
    let all = [parameters, &[("Signature", signature.as_str())]].concat();
    let escape = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let pairs: Vec<String> = all
        .iter()
        .map(|(name, value)| format!("{name}={}", escape(value)))
        .collect();
    let encoded = pairs.join("&");
    if method == Method::POST {
        Sent::new(method, "", encoded.as_bytes()).with_header("content-type", FORM)
    } else {
        Sent::new(method, &encoded, b"")
    }
}
