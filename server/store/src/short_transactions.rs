//! Long work in many short transactions, between which other commands are written.

use std::{
    ops::AddAssign,
    time::{Duration, Instant},
};

use vestibule_schema::{Connection, Error};

use crate::{error::StoreError, store::Store};

/// How long one transaction takes, about.
const TIME: Duration = Duration::from_millis(5);

impl Store {
    /// Calls `step` until it says that there is no more to do, for a few milliseconds in each
    /// transaction. Returns the sum of the results.
    pub(super) async fn in_short_transactions<T: Default + AddAssign + Send + 'static>(
        &self,
        mut step: impl FnMut(&mut Connection) -> Result<(T, bool), Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let mut sum = T::default();
        loop {
            let done;
            (sum, step, done) = self
                .write(move |conn, _| {
                    let began = Instant::now();
                    loop {
                        let (some, has_more) = step(conn)?;
                        sum += some;
                        if !has_more || began.elapsed() >= TIME {
                            return Ok((sum, step, !has_more));
                        }
                    }
                })
                .await?;
            if done {
                return Ok(sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
            mpsc,
        },
        thread,
    };

    use vestibule_approve::{
        base64url::Fixed,
        ids::{Rid, Uid},
        rules::{Caller, Command},
    };

    use super::*;
    use crate::{Content, StoreConfig, Submission};

    #[tokio::test]
    async fn commands_run_between_short_transactions() {
        const STEPS: usize = 40;
        let folder = tempfile::tempdir().unwrap();
        let (store, _writer) = Store::open(&folder.path().join("test.db"), &StoreConfig::default()).unwrap();
        let store = Arc::new(store);
        let (done, steps) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (answer, is_answered) = mpsc::channel();
        let asking = Arc::clone(&store);
        let counted = Arc::clone(&steps);
        let step = move |_: &mut Connection| {
            let step = counted.fetch_add(1, Ordering::Relaxed);
            if step == 0 {
                let (answer, done) = (answer.clone(), Arc::clone(&done));
                let withdraw = Submission {
                    rid: Rid([1; 32]),
                    caller: Caller { uid: Uid([2; 32]), is_member: false },
                    command: Command::Withdraw { request_id: Fixed([1; 16]) },
                    content: Content::Nothing,
                };
                let note = move |_| answer.send(done.load(Ordering::Relaxed)).unwrap();
                asking.submit(withdraw, Box::new(note));
            }
            thread::sleep(Duration::from_millis(2));
            done.store(step + 1, Ordering::Relaxed);
            Ok((1_usize, step + 1 < STEPS))
        };
        assert_eq!(store.in_short_transactions(step).await.unwrap(), STEPS);
        let before = is_answered.recv().unwrap();
        // A transaction ends after the step during which its time is up.
        assert!(before <= 4, "{before} steps of {STEPS} went before");
    }
}
