//! What a request in a dialect carries, taken in within limits of length and of time.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;
use hyper::body::Body;
use longrun_dialects::Fault;
use std::time::Duration;

/// Bytes that the query and the body of a request in a dialect may have.
const BYTES_MAX: usize = 1024 * 1024;
/// Bytes that are made room for before any of them has come.
const ROOM_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a body that is too long that are taken in all the same, as who is still sending would not hear the refusal.
const HEARD_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How long such a body may be on its way, as somebody who sends nothing shall not hold a connection for ever.
const TIMEOUT: Duration = Duration::from_secs(60);
/// What is said of a body that takes longer, in whatever words.
pub(crate) const TOO_SLOW: &str = "the body did not come in time";

/// A body, as far as it came.
pub(crate) struct Taken {
    pub(crate) bytes: Bytes,
    pub(crate) fault: Option<Fault>,
}

/// Takes in the body. Of one that is refused there is the beginning, as that may say whose words to refuse it in.
pub(crate) async fn take(headers: &HeaderMap, body: impl Body<Data = Bytes> + Unpin) -> Taken {
    let mut bytes = BytesMut::new();
    if body.is_end_stream() {
        return Taken {
            bytes: bytes.freeze(),
            fault: None,
        };
    }
    let announced = announced_bytes(headers).unwrap_or(0);
    let filled = tokio::time::timeout(TIMEOUT, fill(&mut bytes, announced, body)).await;
    let fault = match filled {
        Ok(filled) => filled.err(),
        Err(_) => Some(Fault::Malformed(TOO_SLOW)),
    };
    Taken {
        bytes: bytes.freeze(),
        fault,
    }
}

async fn fill(
    bytes: &mut BytesMut,
    announced: u64,
    mut body: impl Body<Data = Bytes> + Unpin,
) -> Result<(), Fault> {
    bytes.reserve(usize::try_from(announced).map_or(ROOM_BYTES_MAX, |it| it.min(ROOM_BYTES_MAX)));
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Fault::Malformed("the body ends too early"))?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        length += data.len();
        if length <= BYTES_MAX {
            bytes.extend_from_slice(data);
        }
        if announced.max(length as u64) > HEARD_BYTES_MAX {
            return Err(too_large());
        }
    }
    if length > BYTES_MAX {
        return Err(too_large());
    }
    Ok(())
}

const fn too_large() -> Fault {
    Fault::TooLarge {
        limit_bytes: BYTES_MAX,
    }
}

/// How long the body is going to be, if that was said.
pub(crate) fn announced_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http_body_util::{Empty, Full};
    use hyper::body::Frame;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    /// Sends this, and then nothing more.
    struct Silent(Option<&'static [u8]>);

    impl Body for Silent {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.0.take() {
                Some(data) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(data))))),
                None => Poll::Pending,
            }
        }
    }

    async fn check(length: Option<u64>, body: impl Body<Data = Bytes> + Unpin) -> Taken {
        let mut headers = HeaderMap::new();
        if let Some(length) = length {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        take(&headers, body).await
    }

    #[tokio::test]
    async fn a_body_is_taken_in_up_to_the_limit() {
        for (length, fault) in [
            (0, None),
            (1, None),
            (BYTES_MAX, None),
            (BYTES_MAX + 1, Some(too_large())),
        ] {
            let taken = check(None, Full::from(vec![b'a'; length])).await;
            assert_eq!(taken.fault, fault, "{length}");
            let expected = if length > BYTES_MAX { 0 } else { length };
            assert_eq!(taken.bytes.len(), expected, "{length}");
        }
        let nothing = check(None, Empty::new()).await;
        assert!(nothing.fault.is_none() && nothing.bytes.is_empty());
    }

    /// Nobody waits for a body that is far too long by what was said of it; its beginning is kept.
    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_announced_far_too_long_is_refused_at_once() {
        for length in [HEARD_BYTES_MAX + 1, u64::MAX] {
            let taken = check(Some(length), Silent(Some(b"Action="))).await;
            assert_eq!(taken.fault, Some(too_large()), "{length}");
            assert_eq!(&*taken.bytes, b"Action=");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for_for_ever() {
        for (sent, expected) in [(None, &b""[..]), (Some(&b"Action="[..]), b"Action=")] {
            let taken = check(Some(100), Silent(sent)).await;
            assert_eq!(taken.fault, Some(Fault::Malformed(TOO_SLOW)));
            assert_eq!(&*taken.bytes, expected);
        }
    }
}
