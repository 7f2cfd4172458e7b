//! Whoever a URL belongs to: one try to hand an operation over.

use super::HttpSettings;
use super::signature::{HEADER, SigningSecret};
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use longrun_model::Timestamp;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

/// How long to wait for a connection.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// Bytes that an answer may have.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Bytes that a secret must have: shorter ones can be guessed.
const SECRET_BYTES_MIN: usize = 16;
/// The longest pause that a receiver may ask for.
const PAUSE_MAX: Duration = Duration::from_secs(3_600);

/// An address, and the way there.
#[derive(Debug)]
pub(super) struct Receiver {
    http: reqwest::Client,
    url: reqwest::Url,
    secret: SigningSecret,
}

/// Why a receiver cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnusableReceiver {
    /// The address is none.
    #[error("`{url}` is no address that can be called: {reason}")]
    Address {
        /// What was said.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The secret is too short.
    #[error("the secret needs at least {SECRET_BYTES_MIN} bytes")]
    Secret,
    /// The certificates cannot be read.
    #[error("`{}` cannot be read: {reason}", path.display())]
    Ca {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// What a receiver answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A report.
    Report(Bytes),
    /// It has taken the operation over.
    Later,
    /// Nothing that counts; it may do better after a pause, which it may have named.
    Again {
        reason: String,
        pause: Option<Duration>,
    },
    /// It will not have it.
    Refused { status: u16 },
}

impl Receiver {
    pub(super) fn new(settings: &HttpSettings) -> Result<Self, UnusableReceiver> {
        if settings.secret.bytes() < SECRET_BYTES_MIN {
            return Err(UnusableReceiver::Secret);
        }
        let bad = |reason: String| UnusableReceiver::Address {
            url: settings.url.clone(),
            reason,
        };
        let url = reqwest::Url::parse(&settings.url).map_err(|error| bad(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad("it must begin with http:// or https://".to_owned()));
        }
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_PATIENCE)
            .timeout(settings.timeout)
            // What is signed for one address is no other's business.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("longrun/", env!("CARGO_PKG_VERSION")));
        if longrun_worker::is_here(url.host_str().unwrap_or_default()) {
            builder = builder.no_proxy();
        }
        for certificate in certificates(settings)? {
            builder = builder.add_root_certificate(certificate);
        }
        let http = builder.build().map_err(|error| bad(cause(&error)))?;
        let secret = settings.secret.clone();
        Ok(Self { http, url, secret })
    }

    /// Tries to hand over `body`.
    pub(super) async fn hand_over(&self, body: Bytes, now: Timestamp) -> Answer {
        let request = self
            .http
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(HEADER, self.secret.sign(&body, now))
            .body(body);
        match request.send().await {
            Ok(response) => read(response).await,
            Err(error) => again(&error),
        }
    }
}

fn certificates(settings: &HttpSettings) -> Result<Vec<reqwest::Certificate>, UnusableReceiver> {
    let Some(path) = &settings.ca else {
        return Ok(Vec::new());
    };
    let bad = |reason: String| UnusableReceiver::Ca {
        path: path.clone(),
        reason,
    };
    let pem = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
    reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| bad(cause(&error)))
}

async fn read(mut response: reqwest::Response) -> Answer {
    let status = response.status();
    if status == StatusCode::ACCEPTED {
        return Answer::Later;
    }
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        return Answer::Again {
            reason: format!("the receiver answered {}", status.as_u16()),
            pause: pause(response.headers()),
        };
    }
    if status != StatusCode::OK {
        let status = status.as_u16();
        return Answer::Refused { status };
    }
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_BYTES_MAX => {
                body.extend_from_slice(&chunk);
            }
            // More than any report has: it is read as none.
            Ok(Some(_)) => return Answer::Report(Bytes::new()),
            Ok(None) => return Answer::Report(body.freeze()),
            Err(error) => return again(&error),
        }
    }
}

fn again(error: &reqwest::Error) -> Answer {
    Answer::Again {
        reason: cause(error),
        pause: None,
    }
}

/// The pause that the receiver asks for, in seconds.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    Some(Duration::from_secs(seconds.parse().ok()?).min(PAUSE_MAX))
}

/// What lies below all layers. The address is left out: there may be a secret in it.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
