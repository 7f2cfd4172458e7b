//! The console: a page for people, at `/`, for whoever asks for HTML there and speaks no dialect.
//!
//! It is one page that loads nothing else, and a caller of the native API like any other: what it shows and does, its
//! token allows. Nothing here knows an operation.

use axum::body::Body;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, Response};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The page, with its style and its script in it.
static WHOLE: LazyLock<String> =
    LazyLock::new(|| PAGE.replace("{style}", STYLE).replace("{script}", SCRIPT));

/// What a browser is told that the page may do: to run this very script, and to ask this server.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let digest = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        digest(STYLE),
        digest(SCRIPT)
    );
    HeaderValue::from_str(&policy).expect("digests in base64 are plain ASCII")
});

/// The page, if that is what is asked for.
pub(crate) fn page(method: &Method, path: &str, headers: &HeaderMap) -> Option<Response<Body>> {
    let is_asked = path == "/" && (method == Method::GET || method == Method::HEAD);
    if !is_asked || !takes_html(headers) {
        return None;
    }
    let mut response = Response::new(Body::from(WHOLE.as_str()));
    let fixed = HeaderValue::from_static;
    response.headers_mut().extend([
        (CONTENT_TYPE, fixed("text/html; charset=utf-8")),
        (CACHE_CONTROL, fixed("no-cache")),
        (CONTENT_SECURITY_POLICY, POLICY.clone()),
        (REFERRER_POLICY, fixed("no-referrer")),
        (X_CONTENT_TYPE_OPTIONS, fixed("nosniff")),
    ]);
    Some(response)
}

/// Whether HTML is named among what the caller takes. A program that takes anything is no browser.
fn takes_html(headers: &HeaderMap) -> bool {
    let named = headers.get_all(ACCEPT).into_iter();
    let mut types = named.flat_map(|value| value.to_str().unwrap_or_default().split(','));
    types.any(|one| {
        let name = one.split(';').next().unwrap_or_default().trim();
        name.eq_ignore_ascii_case("text/html")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_asks_for_html_gets_the_page() {
        for (method, path, accept, is_served) in [
            ("GET", "/", "text/html", true),
            ("HEAD", "/", "text/html", true),
            ("GET", "/", "application/xml;q=0.9, Text/HTML;q=0.8", true),
            ("GET", "/", "*/*", false),
            ("GET", "/", "application/json", false),
            ("GET", "/", "", false),
            ("GET", "/index.html", "text/html", false),
            ("POST", "/", "text/html", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            let served = page(&method.parse().unwrap(), path, &headers).is_some();
            assert_eq!(served, is_served, "{method} {path} {accept}");
        }
    }

    #[test]
    fn the_page_holds_what_its_policy_names() {
        let policy = POLICY.to_str().unwrap();
        for (tag, place) in [("style", "style-src"), ("script", "script-src")] {
            let (_, rest) = WHOLE.split_once(&format!("<{tag}>")).unwrap();
            let (text, _) = rest.split_once(&format!("</{tag}>")).unwrap();
            let digest = BASE64_STANDARD.encode(Sha256::digest(text));
            assert!(
                policy.contains(&format!("{place} 'sha256-{digest}'")),
                "{tag}"
            );
        }
    }
}
