//! Sockets: accepting connections, speaking HTTP over them, and letting them end in peace.

use crate::edge::Door;
use crate::refusals::{HEAD_BYTES_MAX, Refusing};
use crate::spoiled;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// How long a client may take to send the head of a request, or to agree on TLS.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long requests that run may go on after the server was told to end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// How long to wait when the system has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How many connections may wait to be accepted. Thousands of callers come at once when a server has started anew; of
/// those for whom there is no room, the system drops some after telling them that they are connected.
const BACKLOG: u32 = 4_096;

/// Listens at this address.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A server that starts anew does not wait for the last connections of the one before it. Elsewhere the option would
    // let two servers listen at one address.
    if cfg!(unix) {
        socket.set_reuseaddr(true)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts connections until `stop` resolves, and then waits for those that are in the middle of a request.
pub(crate) async fn run(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    door: Arc<Door>,
    mut stop: oneshot::Receiver<()>,
) {
    let connections = Arc::new(GracefulShutdown::new());
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => open(stream, peer, tls.clone(), &door, &connections),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            _ = &mut stop => break,
        }
    }
    drop(listener);
    if let Some(connections) = Arc::into_inner(connections) {
        // Whoever takes longer is cut off.
        let _ = tokio::time::timeout(DRAIN_TIMEOUT, connections.shutdown()).await;
    }
}

fn open(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    door: &Arc<Door>,
    connections: &GracefulShutdown,
) {
    // Answers are written whole; waiting for more to send would only make them late.
    let _ = stream.set_nodelay(true);
    let watcher = connections.watcher();
    let door = Arc::clone(door);
    // Two tasks and not one that can do both: a connection without TLS, and whoever waits on it, shall not take the
    // room that TLS needs.
    match tls {
        None => drop(tokio::spawn(tell(peer, serve(stream, peer, door, watcher)))),
        Some(tls) => drop(tokio::spawn(tell(peer, async move {
            let stream = tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await??;
            serve(stream, peer, door, watcher).await
        }))),
    }
}

/// Serves a connection to its end and tells if that came early.
async fn tell(peer: SocketAddr, serving: impl Future<Output = Ended>) {
    if let Err(error) = serving.await {
        tracing::debug!(%peer, error = &*error as &dyn std::error::Error, "a connection ended early");
    }
}

type Ended = Result<(), Box<dyn std::error::Error + Send + Sync>>;

async fn serve<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    stream: S,
    peer: SocketAddr,
    door: Arc<Door>,
    watcher: hyper_util::server::graceful::Watcher,
) -> Ended {
    let serving = Arc::clone(&door);
    let service = service_fn(move |request| {
        let edge = serving.edge();
        async move { spoiled::kept(edge.serve(request, peer.ip()).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(Refusing::new(stream, door)), service);
    watcher.watch(connection).await?;
    Ok(())
}
