//! What may be replaced while the server runs, and is read often.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

/// A value that whoever has a clone of this can replace. Reading takes no lock; who reads keeps what it has read.
#[derive(Debug, Default)]
pub struct Live<T>(Arc<ArcSwap<T>>);

impl<T> Live<T> {
    /// A value that may be replaced.
    pub fn new(value: T) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(value)))
    }

    /// The value as it is now. To be let go soon, and not to be kept across an await.
    pub fn now(&self) -> Guard<Arc<T>> {
        self.0.load()
    }

    /// Replaces it for all.
    pub fn replace(&self, value: T) {
        self.0.store(Arc::new(value));
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_replaced_is_so_for_all_and_what_was_read_stays() {
        let live = Live::new(1);
        let other = live.clone();
        let read = live.now();
        other.replace(2);
        assert_eq!((**read, **live.now(), **other.now()), (1, 2, 2));
    }
}
