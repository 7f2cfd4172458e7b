//! SIGINT and SIGTERM: the first asks to come to an end, the second to end at once.

pub(crate) use longrun_worker::Halt;

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// From here on, signals do not end the program: they are told to whoever holds the receiver.
pub(crate) fn watch() -> io::Result<watch::Receiver<Halt>> {
    let interrupt = signal(SignalKind::interrupt())?;
    let terminate = signal(SignalKind::terminate())?;
    let (teller, halt) = watch::channel(Halt::No);
    tokio::spawn(tell(teller, interrupt, terminate));
    Ok(halt)
}

/// Waits until the program shall end at least this urgently.
pub(crate) async fn at_least(halt: &mut watch::Receiver<Halt>, urgency: Halt) {
    urgency.reached(halt).await;
}

async fn tell(teller: watch::Sender<Halt>, mut interrupt: Signal, mut terminate: Signal) {
    for urgency in [Halt::Soon, Halt::Now] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        teller.send_replace(urgency);
    }
    // Whoever asks later must still find what was said.
    teller.closed().await;
}
