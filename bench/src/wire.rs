//! One connection that asks and waits for the answer, which is all the HTTP that a load needs.

use anyhow::{Context, bail, ensure};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection with room for one answer.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// Where the parts of an answer end, in the buffer.
pub(crate) struct Whole {
    pub(crate) head: usize,
    pub(crate) all: usize,
}

impl Wire {
    /// Connects.
    pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .context("could not connect")?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; 16 * 1024],
        })
    }

    /// Sends a request and reads the whole answer, which must be a success: its body.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        self.stream.write_all(request).await?;
        self.receive().await?.body(&self.buffer)
    }

    async fn receive(&mut self) -> anyhow::Result<Whole> {
        let mut filled = 0;
        let mut whole = None;
        while whole
            .as_ref()
            .is_none_or(|whole: &Whole| filled < whole.all)
        {
            if filled == self.buffer.len() {
                self.buffer.resize(filled * 2, 0);
            }
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                bail!("the server closed the connection in the middle of an answer");
            }
            filled += read;
            if whole.is_none() {
                whole = measure(&self.buffer[..filled]);
            }
        }
        whole.context("the loop ends with an answer")
    }
}

impl Whole {
    /// The body of the answer in `buffer`, which must be a success.
    pub(crate) fn body<'b>(&self, buffer: &'b [u8]) -> anyhow::Result<&'b [u8]> {
        let good = buffer.get(9) == Some(&b'2');
        let shown = || String::from_utf8_lossy(&buffer[..self.all]).into_owned();
        ensure!(good, "refused: {}", shown());
        Ok(&buffer[self.head..self.all])
    }
}

/// The lengths of head and body, once the head is there.
pub(crate) fn measure(answer: &[u8]) -> Option<Whole> {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    Some(Whole {
        head,
        all: head + length.unwrap_or(0),
    })
}
