//! How a worker is told to end.

use tokio::sync::watch;

/// How urgently a worker shall end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Halt {
    /// Not at all.
    #[default]
    No,
    /// As soon as what runs has ended.
    Soon,
    /// Without waiting for anything.
    Now,
}

impl Halt {
    /// Waits until `halt` is at least this urgent; for ever, if nobody can say so any more.
    pub async fn reached(self, halt: &mut watch::Receiver<Self>) {
        if halt.wait_for(|halt| *halt >= self).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
