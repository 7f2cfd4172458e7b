//! Messages byte by byte, and what comes back.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

/// How long the server may take to answer and to end the connection. It takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(15);

/// A message that goes over a connection of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    /// Everything up to the empty line.
    pub(crate) head: Vec<u8>,
    /// Everything after it.
    pub(crate) body: Vec<u8>,
    /// Whether the client ends its side when it has sent all.
    pub(crate) cut: bool,
}

/// What came back.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body: String = self.body.chars().take(1_000).collect();
        write!(formatter, "{}\n{body}", self.head)
    }
}

impl Message {
    /// A request without a body.
    pub(crate) fn new(method: &str, target: &str, host: &str) -> Self {
        Self {
            head: format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n")
                .into_bytes(),
            ..Self::default()
        }
    }

    /// A request as a client of HTTP would send it.
    pub(crate) fn of(request: &http::Request<Vec<u8>>) -> Self {
        let target = request.uri().path_and_query();
        let target = target.map_or("/", |target| target.as_str());
        let head = format!(
            "{} {target} HTTP/1.1\r\nConnection: close\r\n",
            request.method()
        );
        let mut message = Self {
            head: head.into_bytes(),
            ..Self::default()
        };
        for (name, value) in request.headers() {
            message = message.header(name.as_str(), value.to_str().expect("it is text"));
        }
        message.body(request.body())
    }

    /// The same with one more header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.head
            .extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        self
    }

    /// The same with a body and its length.
    pub(crate) fn body(self, body: &[u8]) -> Self {
        if body.is_empty() {
            return self;
        }
        let mut message = self.header("Content-Length", &body.len().to_string());
        message.body = body.to_vec();
        message
    }

    /// The same with a form as its body.
    pub(crate) fn form(self, form: &str) -> Self {
        self.header("Content-Type", FORM).body(form.as_bytes())
    }

    /// The same with a body that says to be longer than it is.
    pub(crate) fn truncated(self, body: &[u8]) -> Self {
        let mut message = self.header("Content-Length", &(body.len() + 1).to_string());
        message.body = body.to_vec();
        message.cut = true;
        message
    }

    /// The same with these bytes as chunks, for better or worse.
    pub(crate) fn chunks(self, chunks: &str) -> Self {
        let mut message = self.header("Transfer-Encoding", "chunked");
        message.body = chunks.as_bytes().to_vec();
        message
    }

    /// The same with a part of its head replaced.
    pub(crate) fn altered(mut self, old: &str, new: &str) -> Self {
        let head = String::from_utf8(self.head).expect("this head is text");
        assert!(head.contains(old), "{old} does not stand in: {head}");
        self.head = head.replace(old, new).into_bytes();
        self
    }

    /// The same, ending before its time.
    pub(crate) fn cut(mut self) -> Self {
        self.cut = true;
        self
    }
}

/// The content type of forms.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// A text as several chunks.
pub(crate) fn in_chunks(text: &str) -> String {
    let (first, second) = text.split_at(text.len() / 2);
    format!(
        "{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        first.len(),
        second.len()
    )
}

/// Sends a message on a new connection, and reads until the server ends it. Nothing if there was no answer, or no end.
pub(crate) async fn exchange(address: SocketAddr, message: &Message) -> Option<Answer> {
    exchange_from(Ipv4Addr::LOCALHOST, address, message).await
}

/// The same from one of the addresses that this machine has for itself.
pub(crate) async fn exchange_from(
    own: Ipv4Addr,
    address: SocketAddr,
    message: &Message,
) -> Option<Answer> {
    let socket = TcpSocket::new_v4().expect("there is a socket");
    socket.bind((own, 0).into()).expect("the address is ours");
    let stream = socket.connect(address).await.expect("the server listens");
    let (mut read, mut write) = stream.into_split();
    let bytes = [&message.head, &b"\r\n"[..], &message.body].concat();
    let cut = message.cut;
    // Who has seen enough answers and hangs up while the rest is still being sent.
    let sending = tokio::spawn(async move {
        let sent = write.write_all(&bytes).await;
        if cut && sent.is_ok() {
            // The other side may be gone.
            let _ = write.shutdown().await;
        }
        write
    });
    let mut received = Vec::new();
    let reading = tokio::time::timeout(PATIENCE, read.read_to_end(&mut received)).await;
    sending.abort();
    // A reset after the answer is how such a connection may end; to go on for ever is not.
    let ended = reading.is_ok();
    Answer::read(&received).filter(|_| ended)
}

impl Answer {
    fn read(received: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(received).into_owned();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        })
    }
}
