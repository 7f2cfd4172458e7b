//! The server that does nothing: what HTTP itself costs with the same libraries.

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use axum::serve::ListenerExt;
use std::net::SocketAddr;

/// Serves until it is killed.
pub(crate) fn serve(listen: SocketAddr, bytes: usize) -> anyhow::Result<()> {
    let fixed = Bytes::from(fixed_json(bytes));
    let answer = move || std::future::ready(([(CONTENT_TYPE, "application/json")], fixed.clone()));
    let echo = |body: Bytes| std::future::ready(([(CONTENT_TYPE, "application/json")], body));
    let router = Router::new().route("/", get(answer).post(echo));
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(listen).await?;
        let listener = listener.tap_io(|stream| {
            // As longrun does.
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, router).await
    })?;
    Ok(())
}

/// A JSON document of exactly this length, if it is long enough for one.
fn fixed_json(bytes: usize) -> String {
    let padding = bytes.saturating_sub(r#"{"x":""}"#.len());
    format!(r#"{{"x":"{}"}}"#, "x".repeat(padding))
}
