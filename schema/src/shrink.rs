//! Gives space back to the disk.
//!
//! SQLite keeps the pages that deleted rows leave, and uses them for new ones. A file that was much
//! larger once would stay so. With `auto_vacuum` the free pages at any place can be given back, a
//! few at a time.

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::connection::Connection;
use crate::error::Error;

/// SQLite's number for `INCREMENTAL`.
const INCREMENTAL: i64 = 2;

/// A file up to this size is written anew for it, which takes a second; in bytes.
const AT_ONCE: i64 = 64 * 1024 * 1024;

/// Up to this many free pages are kept in any case: new rows need some.
const KEPT: i64 = 2560;

/// Of how many pages one is kept free.
const KEPT_PART: i64 = 8;

/// Has a database give space back from now on, and returns whether it does. One that was made
/// before that was possible is written anew, if it is small; [`copy`](crate::backup::copy) makes
/// one that does of any size.
///
/// Errors: [`ErrorKind::Full`](crate::ErrorKind::Full) if there is not enough space to write it
/// anew. It goes on as before then.
pub fn enable(conn: &mut Connection) -> Result<bool, Error> {
    if number(conn, "auto_vacuum")? == INCREMENTAL {
        return Ok(true);
    }
    if number(conn, "page_count")?.saturating_mul(number(conn, "page_size")?) > AT_ONCE {
        return Ok(false);
    }
    conn.batch_execute("PRAGMA auto_vacuum = INCREMENTAL; VACUUM")?;
    Ok(number(conn, "auto_vacuum")? == INCREMENTAL)
}

/// Gives at most `pages` free pages back to the disk, and returns whether there are more to give
/// back.
pub fn give_back(conn: &mut Connection, pages: u32) -> Result<bool, Error> {
    let surplus = surplus(conn)?;
    if surplus > 0 {
        conn.batch_execute(&format!("PRAGMA incremental_vacuum({})", surplus.min(pages.into())))?;
    }
    Ok(surplus > pages.into())
}

/// How many free pages there are beyond those that are kept; 0 if they cannot be given back.
fn surplus(conn: &mut Connection) -> Result<i64, Error> {
    if number(conn, "auto_vacuum")? != INCREMENTAL {
        return Ok(0);
    }
    let kept = KEPT.max(number(conn, "page_count")? / KEPT_PART);
    Ok((number(conn, "freelist_count")? - kept).max(0))
}

fn number(conn: &mut Connection, pragma: &str) -> Result<i64, Error> {
    Ok(sql::<BigInt>(&format!("PRAGMA {pragma}")).get_result(conn)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Database, migrate};

    /// A database with this many pages that are free again.
    fn grown(auto_vacuum: &str, pages: i64) -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path().join("v.db")).unwrap();
        let mut conn = database.writer().unwrap();
        conn.batch_execute(&format!("PRAGMA auto_vacuum = {auto_vacuum}; VACUUM")).unwrap();
        migrate::run(&mut conn).unwrap();
        let bytes = pages * 4096;
        let grow = format!("CREATE TABLE x (y); INSERT INTO x VALUES (zeroblob({bytes})); DROP TABLE x");
        conn.batch_execute(&grow).unwrap();
        (folder, conn)
    }

    #[test]
    fn a_database_shrinks_step_by_step_and_keeps_some_pages() {
        let (_folder, mut conn) = grown("INCREMENTAL", 4000);
        assert!(enable(&mut conn).unwrap());
        let before = number(&mut conn, "page_count").unwrap();
        assert!(give_back(&mut conn, 100).unwrap());
        assert_eq!(number(&mut conn, "page_count").unwrap(), before - 100);
        while give_back(&mut conn, 100).unwrap() {}
        assert_eq!(number(&mut conn, "freelist_count").unwrap(), KEPT);
        assert!(!give_back(&mut conn, 100).unwrap());
        assert_eq!(number(&mut conn, "freelist_count").unwrap(), KEPT);
    }

    #[test]
    fn an_older_database_is_written_anew_if_it_is_small() {
        let (_folder, mut conn) = grown("NONE", 4000);
        assert!(!give_back(&mut conn, 100).unwrap());
        assert!(enable(&mut conn).unwrap());
        assert_eq!(number(&mut conn, "freelist_count").unwrap(), 0);
        let (folder, mut conn) = grown("NONE", AT_ONCE / 4096 + 1);
        assert!(!enable(&mut conn).unwrap());
        assert!(!give_back(&mut conn, 100).unwrap());
        // Its copy shrinks, whatever its size.
        let copy = folder.path().join("copy.db");
        crate::backup::copy(&folder.path().join("v.db"), &copy).unwrap();
        let mut conn = Database::open(&copy).unwrap().writer().unwrap();
        assert_eq!(number(&mut conn, "auto_vacuum").unwrap(), INCREMENTAL);
    }
}
