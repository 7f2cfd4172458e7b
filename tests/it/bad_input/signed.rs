//! Signatures by hand, over whatever parameters a test can think of. They are written down here a second time, from the
//! pages of the clouds, because our own client half only signs what makes sense.

use super::now;
use super::wire::Message;
use crate::program::{KEY_ID, KEY_SECRET};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use longrun_dialects::Algorithm;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

/// Everything but letters, digits and `-_.~`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Parameters, in the order of the wire.
pub(super) type Parameters = Vec<(&'static str, String)>;

/// Escapes a text for a query or a form.
pub(super) fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// The parameters as a query or a form.
pub(super) fn encoded(parameters: &Parameters) -> String {
    let pairs: Vec<_> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", escaped(value)))
        .collect();
    pairs.join("&")
}

/// The common parameters of Tencent's older signature, without the signature.
pub(super) fn tencent_common(action: &str) -> Parameters {
    vec![
        ("Action", action.to_owned()),
        ("Nonce", fastrand::u32(1..).to_string()),
        ("SecretId", KEY_ID.to_owned()),
        ("Timestamp", now().as_seconds().to_string()),
    ]
}

/// The parameters with Tencent's older signature, as a query or a form.
pub(super) fn tencent(method: &str, host: &str, path: &str, parameters: &Parameters) -> String {
    let mut sorted = parameters.clone();
    sorted.sort();
    let pairs: Vec<_> = sorted
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let text = format!("{method}{host}{path}?{}", pairs.join("&"));
    let signature = Algorithm::HmacSha1.sign(KEY_SECRET.as_bytes(), text.as_bytes());
    format!(
        "{}&Signature={}",
        encoded(parameters),
        escaped(&STANDARD.encode(signature))
    )
}

/// What Tencent's newer signature, TC3, covers.
pub(super) struct Tc3 {
    pub(super) method: &'static str,
    /// The query of a GET; nothing for a POST.
    pub(super) query: String,
    pub(super) content_type: String,
    pub(super) host: String,
    pub(super) body: Vec<u8>,
    /// The product, as clients see it.
    pub(super) service: &'static str,
    pub(super) seconds: i64,
}

impl Tc3 {
    /// The value of the header `Authorization`.
    pub(super) fn authorization(&self) -> String {
        let signed = "content-type;host";
        let request = format!(
            "{}\n/\n{}\ncontent-type:{}\nhost:{}\n\n{signed}\n{}",
            self.method,
            self.query,
            self.content_type,
            self.host,
            sha256(&self.body)
        );
        let instant = rfc3339(self.seconds);
        let steps = [&instant[..10], self.service, "tc3_request"];
        let scope = steps.join("/");
        let text = format!(
            "TC3-HMAC-SHA256\n{}\n{scope}\n{}",
            self.seconds,
            sha256(request.as_bytes())
        );
        let key = steps
            .iter()
            .fold(format!("TC3{KEY_SECRET}").into_bytes(), |key, step| {
                Algorithm::HmacSha256.sign(&key, step.as_bytes())
            });
        let signature = hex::encode(Algorithm::HmacSha256.sign(&key, text.as_bytes()));
        format!(
            "TC3-HMAC-SHA256 Credential={KEY_ID}/{scope}, SignedHeaders={signed}, Signature={signature}"
        )
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The common parameters of an Alibaba V1 signature, without the signature.
pub(super) fn alibaba_common() -> Parameters {
    let seconds = now().as_seconds();
    vec![
        ("AccessKeyId", KEY_ID.to_owned()),
        ("Action", "GetExecuteOperationResult".to_owned()),
        ("Format", "JSON".to_owned()),
        ("SignatureMethod", "HMAC-SHA1".to_owned()),
        ("SignatureNonce", fastrand::u64(..).to_string()),
        ("SignatureVersion", "1.0".to_owned()),
        ("Timestamp", rfc3339(seconds)),
        ("Version", "2021-09-31".to_owned()),
    ]
}

/// The parameters with an Alibaba V1 signature, as a query or a form.
pub(super) fn alibaba(method: &str, parameters: &Parameters) -> String {
    let mut sorted = parameters.clone();
    sorted.sort();
    let text = format!("{method}&%2F&{}", escaped(&encoded(&sorted)));
    let key = format!("{KEY_SECRET}&");
    let signature = Algorithm::HmacSha1.sign(key.as_bytes(), text.as_bytes());
    format!(
        "{}&Signature={}",
        encoded(parameters),
        escaped(&STANDARD.encode(signature))
    )
}

/// An instant as Alibaba's parameters have it, from seconds since 1970.
pub(super) fn rfc3339(seconds: i64) -> String {
    let instant = jiff::Timestamp::from_second(seconds).expect("it is a time of our days");
    instant.to_string()
}

/// A request with the flat signature of Huawei's guide, over its body too. The path needs no escapes, and the query is
/// in order already.
pub(crate) fn huawei(method: &str, target: &str, host: &str, body: &[u8]) -> Message {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let digits = rfc3339(now().as_seconds()).replace(['-', ':'], "");
    let names = "host;x-sdk-date";
    let request = format!(
        "{method}\n{}/\n{query}\nhost:{host}\nx-sdk-date:{digits}\n\n{names}\n{}",
        path.trim_end_matches('/'),
        sha256(body)
    );
    let text = format!("SDK-HMAC-SHA256\n{digits}\n{}", sha256(request.as_bytes()));
    let signature = Algorithm::HmacSha256.sign(KEY_SECRET.as_bytes(), text.as_bytes());
    let authorization = format!(
        "SDK-HMAC-SHA256 Access={KEY_ID}, SignedHeaders={names}, Signature={}",
        hex::encode(signature)
    );
    Message::new(method, target, host)
        .header("X-Sdk-Date", &digits)
        .header("Authorization", &authorization)
        .body(body)
}
