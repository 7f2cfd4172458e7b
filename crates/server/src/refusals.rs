//! Requests that are not HTTP, or too long for it.
//!
//! The HTTP library answers these by itself, with a bare status and no body, before anybody here sees a request. A
//! cloud's client cannot read that. This wrapper around a connection remembers how each request begins; when the library
//! writes such a bare refusal, it writes the caller's own dialect's error instead.

use crate::edge::{Door, Edge};
use crate::native;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use longrun_dialects::{Fault, Reply, Request};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that the first line of a request may have, as the HTTP library has it.
const LINE_BYTES_MAX: usize = u16::MAX as usize - 1;
/// Bytes that the head of a request may have.
pub(crate) const HEAD_BYTES_MAX: usize = 400 * 1024;
/// Bytes of a request that are remembered.
const REMEMBERED_BYTES: usize = 1_024;

/// A connection whose bare refusals are put into the caller's words.
pub(crate) struct Refusing<S> {
    stream: S,
    door: Arc<Door>,
    /// How the current request begins.
    beginning: Vec<u8>,
    /// Whether the next byte that is read begins a request.
    between: bool,
    /// What is to be written in place of a bare refusal.
    instead: Bytes,
}

impl<S> Refusing<S> {
    pub(crate) fn new(stream: S, door: Arc<Door>) -> Self {
        Self {
            stream,
            door,
            beginning: Vec::new(),
            between: true,
            instead: Bytes::new(),
        }
    }

    fn remember(&mut self, read: &[u8]) {
        if self.between && !read.is_empty() {
            self.beginning.clear();
            self.between = false;
        }
        let room = REMEMBERED_BYTES - self.beginning.len();
        self.beginning
            .extend_from_slice(&read[..read.len().min(room)]);
    }

    /// What to write instead of `written`, if that is a bare refusal.
    fn translate(&mut self, written: &[u8]) -> Option<Bytes> {
        self.between = true;
        let fault = bare_refusal(written)?;
        Some(refuse(&self.door.edge(), &self.beginning, &fault))
    }
}

/// The fault behind an answer that the HTTP library wrote by itself: ours always have a body.
fn bare_refusal(written: &[u8]) -> Option<Fault> {
    let status = written
        .strip_prefix(b"HTTP/1.1 ")
        .or_else(|| written.strip_prefix(b"HTTP/1.0 "))?
        .get(..3)?;
    let fault = match status {
        b"414" => Fault::TooLarge {
            limit_bytes: LINE_BYTES_MAX,
        },
        b"431" => Fault::TooLarge {
            limit_bytes: HEAD_BYTES_MAX,
        },
        b"400" => Fault::Malformed("this is not HTTP"),
        _ => return None,
    };
    let text = String::from_utf8_lossy(written).to_ascii_lowercase();
    (text.contains("\r\ncontent-length: 0\r\n") && !text.contains("\r\ncontent-type:"))
        .then_some(fault)
}

/// The whole answer to a request that begins like this.
fn refuse(edge: &Edge, beginning: &[u8], fault: &Fault) -> Bytes {
    let text = String::from_utf8_lossy(beginning);
    let mut lines = text.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let method = words
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or(Method::GET);
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((
            name.parse::<HeaderName>().ok()?,
            value.trim().parse::<HeaderValue>().ok()?,
        ))
    });
    let headers: HeaderMap = headers.collect();
    let request = Request {
        method: &method,
        path,
        query,
        headers: &headers,
        body: &[],
    };
    let reply = edge
        .refuse(&request, fault)
        .unwrap_or_else(|| native::refusal(fault));
    write(&reply)
}

fn write(reply: &Reply) -> Bytes {
    let status = http::StatusCode::from_u16(reply.status).unwrap_or(http::StatusCode::BAD_REQUEST);
    let mut text = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: {}\r\n",
        status.as_str(),
        status.canonical_reason().unwrap_or_default(),
        reply.content_type
    );
    for (name, value) in &reply.headers {
        text.extend([
            name.as_str(),
            ": ",
            &String::from_utf8_lossy(value.as_bytes()),
            "\r\n",
        ]);
    }
    let length = reply.body.len().to_string();
    text.extend(["content-length: ", &length, "\r\nconnection: close\r\n\r\n"]);
    [text.as_bytes(), &reply.body].concat().into()
}

impl<S: AsyncRead + Unpin> AsyncRead for Refusing<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if self.between || self.beginning.len() < REMEMBERED_BYTES {
            self.remember(&buffer.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Refusing<S> {
    /// Writes what stands in place of a bare refusal.
    fn poll_instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.instead.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.instead))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.instead = self.instead.slice(written..);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Refusing<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_instead(context))?;
        if let Some(instead) = self.translate(bytes) {
            self.instead = instead;
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_instead(context))?;
        let first = slices
            .iter()
            .find(|slice| !slice.is_empty())
            .map_or(&[][..], |slice| slice);
        if let Some(instead) = self.translate(first) {
            self.instead = instead;
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bare_refusals_are_translated() {
        let bare = "HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ncontent-length: 0\r\ndate: x\r\n\r\n";
        assert_eq!(
            bare_refusal(bare.as_bytes()),
            Some(Fault::TooLarge {
                limit_bytes: LINE_BYTES_MAX
            })
        );
        for other in [
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 4",
            "",
        ] {
            assert_eq!(bare_refusal(other.as_bytes()), None, "{other}");
        }
    }
}
