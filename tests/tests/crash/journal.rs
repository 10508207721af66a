//! What a server did to its files, as `power.c` has recorded it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The bytes of `struct head`: five numbers.
const HEAD: usize = 40;

/// One change or sync.
pub(crate) struct Record<'a> {
    pub(crate) kind: u8,
    pub(crate) thread: u64,
    /// The inode.
    pub(crate) file: u64,
    pub(crate) at: usize,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Record<'a> {
    pub(crate) fn path(&self) -> &'a Path {
        Path::new(OsStr::from_bytes(self.bytes))
    }

    /// The two paths of a new name.
    pub(crate) fn paths(&self) -> (&'a Path, &'a Path) {
        let zero = self.bytes.iter().position(|byte| *byte == 0).expect("two paths");
        let path = |bytes| Path::new(OsStr::from_bytes(bytes));
        (path(&self.bytes[..zero]), path(&self.bytes[zero + 1..]))
    }
}

/// The records of a journal, in order.
pub(crate) fn records(mut journal: &[u8]) -> impl Iterator<Item = Record<'_>> {
    std::iter::from_fn(move || {
        let (head, rest) = journal.split_at_checked(HEAD)?;
        let number =
            |index: usize| u64::from_ne_bytes(head[index * 8..][..8].try_into().expect("eight bytes"));
        let size = |index| usize::try_from(number(index)).expect("a size in memory");
        // A kill may have cut the last record.
        let (bytes, after) = rest.split_at_checked(size(4))?;
        journal = after;
        let kind = u8::try_from(number(0)).expect("a letter");
        Some(Record { kind, thread: number(1), file: number(2), at: size(3), bytes })
    })
}
