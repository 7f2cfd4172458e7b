//! How much a worker has on its hands.

use tokio::sync::watch;

/// The units of one operation whose results the server has not heard, counted among those of the whole worker until this
/// is dropped.
#[derive(Debug)]
pub(crate) struct Load {
    whole: watch::Sender<usize>,
    units: usize,
}

impl Load {
    /// Counts so many units.
    pub(crate) fn of(units: usize, whole: &watch::Sender<usize>) -> Self {
        whole.send_modify(|count| *count += units);
        Self {
            whole: whole.clone(),
            units,
        }
    }

    /// So many units are done; the last one only when this is dropped.
    pub(crate) fn lighten(&mut self, units: usize) {
        self.take_off(units.min(self.units.saturating_sub(1)));
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
