//! Sending a poll, and telling what became of it.

use http::{HeaderMap, Request, StatusCode};
use jiff::fmt::rfc2822::DateTimeParser;
use longrun_model::Timestamp;
use reqwest::Certificate;
use std::error::Error;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

/// The variable that names a file with authorities to trust beside the usual ones, as PEM.
pub const AUTHORITIES: &str = "SSL_CERT_FILE";

/// How long to wait for a connection.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// No answer about a task is longer.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How much of the title of a web page is told.
const TITLE_CHARS_MAX: usize = 80;

/// Why no way out can be opened.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The authorities that are to be trusted cannot be read.
    #[error("`{path}`, which {AUTHORITIES} names, cannot be used: {why}")]
    Authorities {
        /// Which file they stand in.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The client cannot be made.
    #[error("no connections can be made")]
    Client(#[from] reqwest::Error),
}

/// Two ways out: the usual one, and one for this machine, where no proxy elsewhere can help.
#[derive(Clone, Debug)]
pub struct Transport {
    far: reqwest::Client,
    near: reqwest::Client,
}

/// An answer, whatever it says.
#[derive(Debug)]
pub struct Received {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// It may come next time.
    Lost(String),
    /// The two cannot agree on how to speak, and will not next time either.
    Tls(String),
}

impl Transport {
    /// Opens both ways. A private cloud's certificate may be one of `authorities`.
    pub fn new(authorities: Option<&Path>) -> Result<Self, TransportError> {
        let trusted = authorities.map(certificates).transpose()?;
        let builder = || {
            let trusted = trusted.iter().flatten().cloned();
            let builder = reqwest::Client::builder();
            trusted
                .fold(builder, reqwest::ClientBuilder::add_root_certificate)
                .connect_timeout(CONNECT_PATIENCE)
                // A signature is good for one host, and what was signed is nobody else's business.
                .redirect(reqwest::redirect::Policy::none())
                .user_agent(concat!("longrun/", env!("CARGO_PKG_VERSION")))
        };
        Ok(Self {
            far: builder().build()?,
            near: builder().no_proxy().build()?,
        })
    }

    /// Sends a request, and waits so long for the whole answer.
    pub async fn send(
        &self,
        request: Request<Vec<u8>>,
        patience: Duration,
    ) -> Result<Received, NoAnswer> {
        let host = request
            .uri()
            .authority()
            .map_or("", |it| it.as_str())
            .to_owned();
        let told = |error: reqwest::Error| no_answer(&host, patience, &error);
        let mut request: reqwest::Request = request.try_into().map_err(told)?;
        *request.timeout_mut() = Some(patience);
        let client = if is_here(request.url()) {
            &self.near
        } else {
            &self.far
        };
        let mut response = client.execute(request).await.map_err(told)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(told)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(NoAnswer::Lost(format!(
                    "`{host}` answers with more than {ANSWER_BYTES_MAX} bytes"
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Received {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body,
        })
    }
}

/// Whether the address is one of this machine.
fn is_here(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, TransportError> {
    let wrong = |error: &dyn Error| TransportError::Authorities {
        path: path.display().to_string(),
        why: error.to_string(),
    };
    let text = std::fs::read(path).map_err(|error| wrong(&error))?;
    Certificate::from_pem_bundle(&text).map_err(|error| wrong(&error))
}

fn no_answer(host: &str, patience: Duration, error: &reqwest::Error) -> NoAnswer {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let cause = cause.to_string();
    if error.is_timeout() {
        let seconds = patience.as_secs_f32();
        return NoAnswer::Lost(format!("`{host}` did not answer within {seconds:.0} s"));
    }
    if cause.contains("certificate") {
        return NoAnswer::Tls(format!(
            "the certificate of `{host}` is not trusted: {cause} (an authority of your own stands in \
             the file that {AUTHORITIES} names)"
        ));
    }
    // A server without TLS answers the first bytes of it with something else.
    if cause.contains("corrupt message") || cause.contains("handshake") {
        return NoAnswer::Tls(format!("`{host}` does not speak TLS with us: {cause}"));
    }
    if error.is_connect() {
        return NoAnswer::Lost(format!("`{host}` cannot be reached: {cause}"));
    }
    NoAnswer::Lost(format!("`{host}` broke off: {cause}"))
}

impl Received {
    /// What time it was where the answer was written.
    pub fn cloud_time(&self) -> Option<Timestamp> {
        let text = self.headers.get(http::header::DATE)?.to_str().ok()?;
        let instant = DateTimeParser::new().parse_timestamp(text).ok()?;
        Some(Timestamp::from_millis(instant.as_millisecond()))
    }

    /// Where a redirect leads, if it is one.
    pub fn redirect(&self) -> Option<&str> {
        let is_redirect = StatusCode::from_u16(self.status).is_ok_and(|it| it.is_redirection());
        let location = self.headers.get(http::header::LOCATION);
        is_redirect.then(|| {
            location
                .and_then(|it| it.to_str().ok())
                .unwrap_or("elsewhere")
        })
    }

    /// What it says about itself, if it is a web page: something between us and the cloud wrote it.
    pub fn web_page(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.body);
        let lower = text.to_ascii_lowercase();
        let start = lower.trim_start_matches(['\u{feff}', ' ', '\r', '\n', '\t']);
        if !start.starts_with("<!doctype html") && !start.starts_with("<html") {
            return None;
        }
        let title = lower.find("<title>").and_then(|place| {
            let from = place + "<title>".len();
            let length = lower[from..].find("</title>")?;
            Some(text[from..from + length].trim())
        });
        let title: String = title
            .unwrap_or_default()
            .chars()
            .take(TITLE_CHARS_MAX)
            .collect();
        let status = self.status;
        Some(if title.is_empty() {
            format!("a web page came in place of an answer (status {status})")
        } else {
            format!("a web page came in place of an answer (status {status}), titled “{title}”")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn received(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Received {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_static(value));
        }
        Received {
            status,
            headers: map,
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn the_time_of_the_cloud_is_read() {
        for (value, expected) in [
            ("Sat, 21 Nov 2026 02:02:06 GMT", Some(1_795_226_526)),
            ("2026-11-21", None),
            ("", None),
        ] {
            let found = received(200, &[("date", value)], "").cloud_time();
            assert_eq!(found, expected.map(Timestamp::from_seconds), "{value}");
        }
    }

    #[test]
    fn redirects_and_web_pages_are_recognized() {
        for (status, headers, redirect) in [
            (
                302,
                &[("location", "https://login.example")][..],
                Some("https://login.example"),
            ),
            (301, &[], Some("elsewhere")),
            (200, &[("location", "https://x")], None),
        ] {
            assert_eq!(
                received(status, headers, "").redirect(),
                redirect,
                "{status}"
            );
        }
        for (body, title) in [
            (
                "<!DOCTYPE html><HTML><TITLE> 502 Bad Gateway </TITLE>",
                Some("“502 Bad Gateway”"),
            ),
            ("\n<html>nothing", Some("(status 502)")),
            ("{\"html\":1}", None),
            ("<?xml version='1.0'?><Error/>", None),
        ] {
            let told = received(502, &[], body).web_page();
            let is_told = |title: &str| told.as_deref().is_some_and(|told| told.contains(title));
            assert_eq!(told.is_some(), title.is_some(), "{body}");
            assert!(title.is_none_or(is_told), "{told:?}");
        }
    }
}
