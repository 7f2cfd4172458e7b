//! How much a worker has on its hands.

use crate::client::wire::Leased;
use tokio::sync::watch;

/// The units of one operation that are not done, counted among those of the whole worker until this is dropped.
#[derive(Debug)]
pub(super) struct Load {
    whole: watch::Sender<usize>,
    units: usize,
}

impl Load {
    /// Counts the units of what was leased.
    pub(super) fn of(leased: &Leased, whole: &watch::Sender<usize>) -> Self {
        let units = leased.operation.resources.len().max(1);
        whole.send_modify(|count| *count += units);
        Self {
            whole: whole.clone(),
            units,
        }
    }

    /// One unit is done.
    pub(super) fn lighten(&mut self) {
        self.take_off(1);
    }

    fn take_off(&mut self, units: usize) {
        self.units -= units;
        self.whole.send_modify(|count| *count -= units);
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.take_off(self.units);
    }
}
