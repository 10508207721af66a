//! What keeps a slow or dead back end from holding up the server, and the server from holding down
//! a back end that is getting up again.

use std::{
    future::Future,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use recloser::{AsyncRecloser, Error, Recloser};
use tokio::{sync::Semaphore, time::timeout};

/// How many of the last questions are looked at: once half of them have failed, none is asked for a
/// while.
const LAST: usize = 10;

/// How long none is asked at first. It doubles each time that the next question fails as well.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// By how much the first pause grows at most, as a power of two: 32 seconds.
const MAX_DOUBLINGS: u32 = 5;

/// Questions that may wait, for each that may be under way.
const IN_LINE: usize = 16;

/// Lets questions through: so many at once, and none while the back end is out of order.
pub(super) struct Gate {
    breaker: AsyncRecloser,
    places: Semaphore,
    in_line: AtomicUsize,
    max_in_line: usize,
    patience: Duration,
}

/// Why a question was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Closed<E> {
    /// The last ones failed, so this one was not asked.
    Pausing,
    /// Too many wait, or it has waited too long.
    Busy,
    /// It was asked, and that failed.
    Failed(E),
}

impl Gate {
    /// At most `places` questions are under way, and none waits for longer than `patience`.
    pub(super) fn new(places: usize, patience: Duration) -> Self {
        let pause = |failures: u32, first: Duration| {
            let longest = first * 2_u32.pow(failures.min(MAX_DOUBLINGS));
            // Servers that lost the same back end do not all come back to it at once.
            longest.mul_f64(1.0 - fastrand::f64() / 4.0)
        };
        let breaker = Recloser::custom()
            .error_rate(0.5)
            .closed_len(LAST)
            .half_open_len(1)
            .open_wait(FIRST_PAUSE)
            .open_wait_strategy(pause)
            .build();
        Self {
            breaker: breaker.into(),
            places: Semaphore::new(places),
            in_line: AtomicUsize::new(0),
            max_in_line: places * IN_LINE,
            patience,
        }
    }

    /// Asks, once there is a place. Only failures that show the back end out of order count for the
    /// pause: those that `is_out_of_order` says yes to.
    pub(super) async fn pass<T, E>(
        &self,
        question: impl Future<Output = Result<T, E>>,
        is_out_of_order: fn(&E) -> bool,
    ) -> Result<T, Closed<E>> {
        let in_line = InLine::enter(&self.in_line, self.max_in_line).ok_or(Closed::Busy)?;
        let place = timeout(self.patience, self.places.acquire()).await;
        let Ok(Ok(_place)) = place else { return Err(Closed::Busy) };
        drop(in_line);
        self.breaker.call_with(is_out_of_order, question).await.map_err(|error| match error {
            Error::Rejected => Closed::Pausing,
            Error::Inner(error) => Closed::Failed(error),
        })
    }
}

/// One that waits.
struct InLine<'a>(&'a AtomicUsize);

impl<'a> InLine<'a> {
    fn enter(count: &'a AtomicUsize, most: usize) -> Option<Self> {
        let before = count.fetch_add(1, Ordering::Relaxed);
        let entered = Self(count);
        (before < most).then_some(entered)
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures_util::future::join_all;
    use tokio::time::Instant;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(50);

    #[actix_web::test]
    async fn after_failures_none_is_asked_for_a_while() {
        let gate = Gate::new(4, PATIENCE);
        assert_eq!(gate.pass(ready(Ok::<_, ()>(1)), |()| true).await, Ok(1));
        let asked = AtomicUsize::new(0);
        let fail = async || {
            asked.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>("dead")
        };
        for _ in 0..100 {
            let answer = gate.pass(fail(), |_| true).await;
            assert!(matches!(answer, Err(Closed::Failed("dead") | Closed::Pausing)), "{answer:?}");
        }
        let asked = asked.load(Ordering::Relaxed);
        assert!((LAST / 2..=LAST).contains(&asked), "the breaker opened after {asked}");
        assert_eq!(gate.pass(ready(Ok::<_, ()>(1)), |()| true).await, Err(Closed::Pausing));

        let since = Instant::now();
        while gate.pass(ready(Ok::<_, ()>(1)), |()| true).await.is_err() {
            tokio::time::sleep(PATIENCE).await;
        }
        assert!(since.elapsed() < FIRST_PAUSE * 2);
        assert_eq!(gate.pass(ready(Ok::<_, ()>(1)), |()| true).await, Ok(1));
    }

    #[actix_web::test]
    async fn other_failures_close_nothing() {
        let gate = Gate::new(4, PATIENCE);
        for _ in 0..10 * LAST {
            let answer = gate.pass(ready(Err::<(), _>("odd")), |_| false).await;
            assert_eq!(answer, Err(Closed::Failed("odd")));
        }
    }

    #[actix_web::test]
    async fn so_many_are_under_way_and_so_many_wait() {
        let gate = Gate::new(2, PATIENCE);
        let slow = || timeout(PATIENCE * 4, gate.pass(pending::<Result<(), ()>>(), |()| true));
        let asked: Vec<_> = join_all((0..100).map(|_| slow())).await;
        let busy = asked.iter().filter(|asked| matches!(asked, Ok(Err(Closed::Busy)))).count();
        assert_eq!((busy, asked.iter().filter(|asked| asked.is_err()).count()), (98, 2));
        assert_eq!(gate.pass(ready(Ok::<_, ()>(1)), |()| true).await, Ok(1), "the places are free again");
    }
}
