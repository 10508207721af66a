//! Lists, a page at a time.

use vestibule_approve::{
    ids::{Rid, Seq, Uid},
    items::{ApproveItem, Cursor, DenialItem, Notice, RequestItem},
    limits::PAGE,
};
use vestibule_schema::{
    Connection, Error, models,
    repository::{
        approves, denials, notices, requests,
        streams::{self, Topic},
    },
};

use crate::convert;

/// A page of a list, oldest first.
#[derive(Debug)]
pub struct ListPage<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page starts.
    pub next: Option<Cursor>,
    /// The list shows frames up to this seq.
    pub until: Seq,
}

/// Which page to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageRequest {
    pub(super) from: Cursor,
    /// At most so many items, and at most [`PAGE`].
    pub(super) limit: i64,
    /// The time, in Unix milliseconds.
    pub(super) now: i64,
    /// At most about so many bytes, but at least one item: the answer must fit the recipient's
    /// outbox.
    pub(super) bytes: usize,
    /// Whether requests show the accounts that are stored with them.
    pub(super) show_accounts: bool,
    /// The last seq of the list's stream, where it was read already.
    pub(super) last: Option<Seq>,
}

impl PageRequest {
    /// The list, whose items belong to this stream, shows frames up to this seq.
    fn until(&self, conn: &mut Connection, topic: &Topic) -> Result<Seq, Error> {
        let last = self.last.map_or_else(|| streams::last(conn, topic).map(Seq), Ok)?;
        Ok(self.from.until.min(last))
    }

    /// A request as the list shows it.
    fn shown(&self, mut item: RequestItem) -> RequestItem {
        item.server_says = item.server_says.filter(|_| self.show_accounts);
        item
    }

    /// The page of a list that is known to be empty.
    pub(super) fn nothing<T>(&self) -> ListPage<T> {
        let until = self.from.until.min(self.last.unwrap_or(Seq::ZERO));
        ListPage { items: Vec::new(), next: None, until }
    }
}

/// An item of a list.
trait Listed {
    /// The item's seq, by which lists are ordered.
    fn seq(&self) -> Seq;

    /// About how many bytes the item has, without its small fields.
    fn bytes(&self) -> usize;
}

impl Listed for RequestItem {
    fn seq(&self) -> Seq {
        self.seq
    }

    fn bytes(&self) -> usize {
        let account = self.server_says.as_ref().map_or(0, |says| says.account.len());
        self.request.box_pub.0.len() + self.request.note.as_ref().map_or(0, String::len) + account
    }
}

impl Listed for ApproveItem {
    fn seq(&self) -> Seq {
        self.seq
    }

    fn bytes(&self) -> usize {
        self.approve.ct.0.len()
    }
}

impl Listed for Notice {
    fn seq(&self) -> Seq {
        self.seq
    }

    fn bytes(&self) -> usize {
        0
    }
}

impl Listed for DenialItem {
    fn seq(&self) -> Seq {
        self.seq
    }

    fn bytes(&self) -> usize {
        self.requests.iter().map(Listed::bytes).sum()
    }
}

/// The open requests of a room.
pub(super) fn pending(
    conn: &mut Connection,
    rid: &Rid,
    wanted: PageRequest,
) -> Result<ListPage<RequestItem>, Error> {
    page(conn, wanted, &Topic::room(rid.as_bytes()), |conn, limit| {
        let rows = requests::open_in_room(conn, rid.as_bytes(), wanted.from.after.0, limit, wanted.now)?;
        rows.iter().map(|row| Ok(wanted.shown(convert::request_item(row)?))).collect()
    })
}

/// The denials that hold in a room.
pub(super) fn denials(
    conn: &mut Connection,
    rid: &Rid,
    wanted: PageRequest,
) -> Result<ListPage<DenialItem>, Error> {
    page(conn, wanted, &Topic::room(rid.as_bytes()), |conn, limit| {
        let rows = denials::page(conn, rid.as_bytes(), wanted.from.after.0, limit, wanted.now)?;
        let with_requests = |denial: models::Denial| {
            let denied = requests::denied_of_user(conn, &denial.rid, &denial.uid, wanted.now)?;
            let mut item = convert::denial_item(&denial, denied)?;
            item.requests = item.requests.into_iter().map(|request| wanted.shown(request)).collect();
            Ok(item)
        };
        rows.into_iter().map(with_requests).collect()
    })
}

/// The open requests of a user, in one room or everywhere.
pub(super) fn mine(
    conn: &mut Connection,
    uid: &Uid,
    rid: Option<&Rid>,
    wanted: PageRequest,
) -> Result<ListPage<RequestItem>, Error> {
    let (uid, rid) = (uid.as_bytes(), rid.map(Rid::as_bytes));
    page(conn, wanted, &Topic::user(uid), |conn, limit| {
        let rows = requests::open_of_user(conn, uid, rid, wanted.from.after.0, limit, wanted.now)?;
        rows.iter().map(|row| Ok(wanted.shown(convert::request_item(row)?))).collect()
    })
}

/// The approves that wait for a user, in one room or everywhere.
pub(super) fn approved(
    conn: &mut Connection,
    uid: &Uid,
    rid: Option<&Rid>,
    wanted: PageRequest,
) -> Result<ListPage<ApproveItem>, Error> {
    let (uid, rid) = (uid.as_bytes(), rid.map(Rid::as_bytes));
    page(conn, wanted, &Topic::user(uid), |conn, limit| {
        let rows = approves::waiting_for(conn, uid, rid, wanted.from.after.0, limit, wanted.now)?;
        rows.iter().map(convert::approve_item).collect()
    })
}

/// The notices for a user, about one room or all.
pub(super) fn notices(
    conn: &mut Connection,
    uid: &Uid,
    rid: Option<&Rid>,
    wanted: PageRequest,
) -> Result<ListPage<Notice>, Error> {
    let (uid, rid) = (uid.as_bytes(), rid.map(Rid::as_bytes));
    page(conn, wanted, &Topic::user(uid), |conn, limit| {
        let rows = notices::page(conn, uid, rid, wanted.from.after.0, limit)?;
        rows.iter().map(convert::notice).collect()
    })
}

/// Reads one item more than wanted, to see whether there are more, and cuts off what does not fit.
fn page<T: Listed>(
    conn: &mut Connection,
    wanted: PageRequest,
    topic: &Topic,
    read: impl FnOnce(&mut Connection, u32) -> Result<Vec<T>, Error>,
) -> Result<ListPage<T>, Error> {
    let until = wanted.until(conn, topic)?;
    let limit = usize::try_from(wanted.limit.clamp(1, PAGE)).unwrap_or_default();
    let mut items = read(conn, u32::try_from(limit + 1).unwrap_or(u32::MAX))?;
    items.retain(|item| item.seq() <= until);
    let fitting = fitting(&items, wanted.bytes).min(limit);
    let has_more = items.len() > fitting;
    items.truncate(fitting);
    let next = items.last().filter(|_| has_more).map(|last| Cursor { after: last.seq(), until });
    Ok(ListPage { items, next, until })
}

/// How many of the first items fit; at least one.
fn fitting(items: &[impl Listed], bytes: usize) -> usize {
    let mut sum = 0;
    let fits = |item: &&_| {
        sum += Listed::bytes(*item);
        sum <= bytes
    };
    items.iter().take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Item(usize);

    impl Listed for Item {
        fn seq(&self) -> Seq {
            Seq::ZERO
        }

        fn bytes(&self) -> usize {
            self.0
        }
    }

    #[test]
    fn a_page_holds_what_fits_and_at_least_one_item() {
        assert_eq!(fitting(&[Item(4), Item(6), Item(1)], 10), 2);
        assert_eq!(fitting(&[Item(4), Item(6), Item(1)], 11), 3);
        assert_eq!(fitting(&[Item(40)], 10), 1);
    }
}
